# nixosSystem, as far as it can be had without NixOS: modules with their imports and options, definitions merged, every
# one of them an option of options.txt or of a module here, and of its type. What NixOS makes of them is not here: what
# a configuration builds are files that say what they would be made from.
{ lib }:
let
  inherit (builtins)
    attrNames
    concatLists
    concatMap
    elemAt
    filter
    genList
    isAttrs
    isBool
    isFunction
    isInt
    isList
    isString
    length
    map
    ;

  tagged = tag: value: isAttrs value && (value._type or null) == tag;
  isDerivation = value: isAttrs value && value ? outPath;

  # "path type source": one option a line.
  listed = map (line: filter (word: word != "") (lib.splitString " " line)) (
    filter (line: line != "" && builtins.match "#.*" line == null) (
      lib.splitString "\n" (builtins.readFile ./nixos-options.txt)
    )
  );
  known = map (words: {
    path = lib.splitString "." (elemAt words 0);
    type = elemAt words 1;
  }) listed;

  checks = rec {
    bool = isBool;
    int = isInt;
    string = isString;
    package = isDerivation;
    packages = value: isAttrs value;
    path = value: builtins.isPath value || isString value || isDerivation value;
    attrs = isAttrs;
    strings = value: isList value && lib.all isString value;
    packageList = value: isList value && lib.all isDerivation value;
    paths = value: isList value && lib.all path value;
    # A list of names, or an attribute set of them and whether they are to be there.
    names = value: strings value || (isAttrs value && lib.all isBool (builtins.attrValues value));
    sysctl = value: isAttrs value && lib.all (one: isInt one || isString one || isBool one) (builtins.attrValues value);
    # Free form: what systemd's own files may have.
    unit =
      value:
      isAttrs value
      && lib.all (one: isInt one || isString one || isBool one || isList one) (builtins.attrValues value);
  };

  # A name with a dot in it, "/nix/store" or "serial-getty@ttyS0", is one part.
  matching =
    path:
    filter (
      option:
      length option.path == length path
      && lib.all (at: lib.elem (elemAt option.path at) [ "*" (elemAt path at) ]) (genList (at: at) (length path))
    ) known;
  isInside =
    path:
    builtins.any (
      option:
      length option.path > length path
      && lib.all (at: lib.elem (elemAt option.path at) [ "*" (elemAt path at) ]) (genList (at: at) (length path))
    ) known;

  nameOf = lib.concatStringsSep ".";

  # Conditions, priorities and merges taken off: the plain values that are defined.
  valuesOf =
    value:
    if tagged "if" value then
      (if value.condition then valuesOf value.content else [ ])
    else if tagged "merge" value then
      concatMap valuesOf value.contents
    else if tagged "default" value || tagged "force" value then
      valuesOf value.content
    else
      [ value ];

  # The option's value where it is of the option's type. Asked for late: what it is may depend on other options.
  typed =
    path: given:
    let
      inherit (builtins.head (matching path)) type;
      isRight = checks.${type} or (throw "nixos-options.txt: ${nameOf path} has a type ${type} that nobody knows");
      value = joined given;
    in
    if isRight value then
      value
    else
      throw "NixOS' ${nameOf path} is to be ${type}, and is ${builtins.typeOf value} (nix/ci/stub/nixos-options.txt)";

  # All that is defined of one option.
  joined =
    given:
    let
      values = valuesOf given;
    in
    if values == [ ] then null else lib.foldl' merge (builtins.head values) (builtins.tail values);

  # Of one module, every option that it defines: [ { path, value } ]. `own`: options that modules here declare.
  definitionsOf =
    own: path: given:
    let
      declared = lib.foldl' (
        at: part: if isAttrs at && !(tagged "option" at) then at.${part} or null else null
      ) own path;
    in
    if tagged "option" declared then
      [ { inherit path; value = joined given; } ]
    else if matching path != [ ] then
      [ { inherit path; value = typed path given; } ]
    else
      concatMap (
        value:
        if isAttrs value && !(isDerivation value) && (path == [ ] || isInside path || isAttrs declared) then
          concatMap (name: definitionsOf own (path ++ [ name ]) value.${name}) (attrNames value)
        else
          throw "NixOS has no option ${nameOf path} (nix/ci/stub/nixos-options.txt)"
      ) (valuesOf given);

  merge =
    a: b:
    if isList a && isList b then
      a ++ b
    else if isAttrs a && isAttrs b && !(isDerivation a) && !(a ? _type) then
      a // builtins.mapAttrs (name: value: if a ? ${name} then merge a.${name} value else value) b
    else
      b;

  nested = path: value: if path == [ ] then value else { ${builtins.head path} = nested (builtins.tail path) value; };

  defaultsOf =
    options:
    if tagged "option" options then
      options.default or null
    else
      builtins.mapAttrs (_name: defaultsOf) options;
in
{
  nixosSystem =
    { modules }:
    let
      # Said by who evaluates; modules are files.
      given = lib.foldl' merge { } (filter isAttrs modules);
      inherit (given.nixpkgs) pkgs;
      arguments = {
        inherit config pkgs;
        inherit (pkgs) lib;
      };
      # A module and all that it imports.
      gather =
        module:
        let
          loaded = import module;
          made = if isFunction loaded then loaded arguments else loaded;
          isWhole = made ? config || made ? options;
          body = if isWhole then made.config or { } else builtins.removeAttrs made [ "imports" ];
        in
        concatMap gather (made.imports or [ ]) ++ [ { inherit body; options = made.options or { }; } ];
      all = concatMap gather (filter builtins.isPath modules);
      own = lib.foldl' merge { } (map (one: one.options) all);
      definitions = concatLists (map (one: definitionsOf own [ ] one.body) all) ++ definitionsOf own [ ] given;
      settings = lib.foldl' merge (defaultsOf own) (map ({ path, value }: nested path value) definitions);
      config = settings // {
        boot = settings.boot // { inherit (given.boot) kernelPackages; };
        nixpkgs = { inherit pkgs; };
        system = settings.system // {
          build = pkgs.nixosBuilds settings;
          modulesTree = given.boot.kernelPackages.kernel.modules;
          nixos.version = "${lib.trivial.release}-of-the-stand-in";
        };
        systemd = settings.systemd // { package = pkgs.systemd; };
      };
    in
    {
      # Every definition is asked for, as the building of a system would ask.
      config = lib.foldl' (all: { value, ... }: builtins.seq value all) config definitions;
    };
}
