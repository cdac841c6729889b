# The part of nixpkgs' lib that NixOS modules use, as far as nslab's modules do; and an evaluation of one module that knows
# which options of NixOS there are: those of options.txt.
{ lib }:
let
  inherit (builtins) attrNames concatLists elem isAttrs match readFile;

  tagged = tag: value: isAttrs value && (value._type or null) == tag;

  # mkIf and mkMerge taken apart: the plain definitions that hold.
  definitions =
    value:
    if tagged "if" value then
      (if value.condition then definitions value.content else [ ])
    else if tagged "merge" value then
      concatLists (map definitions value.contents)
    else
      [ value ];

  # As it is once nothing is conditional any more.
  plain =
    value:
    if tagged "default" value then
      plain value.content
    else if tagged "if" value || tagged "merge" value then
      plain (builtins.foldl' merge { } (definitions value))
    else if isAttrs value && !(value ? outPath) then
      builtins.mapAttrs (_name: plain) value
    else
      value;

  merge =
    a: b:
    if isAttrs a && isAttrs b && !(a ? type) && !(b ? type) then
      a // builtins.mapAttrs (name: value: if a ? ${name} then merge a.${name} value else value) b
    else
      b;

  known = lib.filter (line: line != "" && match "#.*" line == null) (lib.splitString "\n" (readFile ./options.txt));
  # "systemd.services.*.wantedBy" knows any name in the place of the star.
  knows =
    path:
    lib.all (part: part) [
      (builtins.any (
        option:
        let
          parts = lib.splitString "." option;
        in
        builtins.length parts <= builtins.length path
        && builtins.all (at: elem (builtins.elemAt parts at) [ "*" (builtins.elemAt path at) ]) (
          builtins.genList (at: at) (builtins.length parts)
        )
      ) known)
    ];

  # Every leaf is under an option that there is, and is what can be written down.
  check =
    path: value:
    if knows path then
      builtins.deepSeq value null
    else if isAttrs value && !(value ? type) && !(tagged "if" value) then
      map (name: check (path ++ [ name ]) value.${name}) (attrNames value)
    else if tagged "if" value || tagged "merge" value then
      map (check path) (definitions value)
    else
      throw "NixOS has no option ${lib.concatStringsSep "." path} (nix/ci/stub/options.txt)";

  defaultsOf =
    options:
    if tagged "option" options then
      options.default or (throw "an option without a default is not set")
    else
      builtins.mapAttrs (_name: defaultsOf) options;

  named = name: { inherit name; _type = "type"; };
in
{
  mkIf = condition: content: { _type = "if"; inherit condition content; };
  mkMerge = contents: { _type = "merge"; inherit contents; };
  mkForce = content: { _type = "force"; inherit content; };
  mkDefault = content: { _type = "default"; inherit content; };
  mkOption = { type, description, default ? null, defaultText ? null, example ? null }@option: option // { _type = "option"; };
  mkEnableOption = description: { _type = "option"; type = named "bool"; default = false; inherit description; };
  literalExpression = text: { _type = "literal"; inherit text; };
  types = lib.genAttrs [ "package" "bool" "int" "str" "port" "path" ] named // {
    listOf = of: named "list of ${of.name}";
    ints = lib.genAttrs [ "positive" "unsigned" ] named;
  };

  # What a machine of these settings is told, as { values; }. Throws where a module sets what NixOS does not have.
  evalModule =
    { module, settings, pkgs }:
    let
      made = module { inherit config pkgs; inherit (pkgs) lib; };
      config = merge (defaultsOf made.options) settings;
      parts = definitions made.config;
      checked = map (part: map (name: check [ name ] part.${name}) (attrNames part)) parts;
    in
    builtins.deepSeq checked { values = plain (builtins.foldl' merge { } parts); };
}
