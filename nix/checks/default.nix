# nix flake check: every file beside this one is a check of its name, a function of { lib, pkgs, scenarios }.
args:
let
  inherit (args) lib;
  files = lib.filterAttrs (name: _type: name != "default.nix") (builtins.readDir ./.);
in
lib.mapAttrs' (file: _type: {
  name = lib.removeSuffix ".nix" file;
  value = import (./. + "/${file}") args;
}) files
