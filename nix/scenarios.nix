# Names of the scenarios that ship: the files of soak/scenarios. A new file is a new app, and nothing else needs a word.
{ lib }:
let
  names = lib.filterAttrs (name: type: type == "regular" && lib.hasSuffix ".toml" name) (
    builtins.readDir ../soak/scenarios
  );
in
map (lib.removeSuffix ".toml") (builtins.attrNames names)
