# The functions of nixpkgs' lib that nslab's Nix code uses, and no others.
let
  inherit (builtins)
    attrNames
    concatStringsSep
    elem
    elemAt
    filter
    fromJSON
    head
    length
    listToAttrs
    map
    readFile
    replaceStrings
    stringLength
    substring
    ;
in
rec {
  inherit elem filter head listToAttrs;
  inherit (builtins) concatMap concatStringsSep foldl' mapAttrs replaceStrings;
  all = builtins.all;
  last = list: elemAt list (length list - 1);
  optional = condition: value: if condition then [ value ] else [ ];
  optionals = condition: list: if condition then list else [ ];
  optionalString = condition: text: if condition then text else "";
  hasPrefix = prefix: text: substring 0 (stringLength prefix) text == prefix;
  hasSuffix =
    suffix: text:
    stringLength suffix <= stringLength text
    && substring (stringLength text - stringLength suffix) (stringLength suffix) text == suffix;
  removePrefix = prefix: text: if hasPrefix prefix text then substring (stringLength prefix) (-1) text else text;
  removeSuffix =
    suffix: text: if hasSuffix suffix text then substring 0 (stringLength text - stringLength suffix) text else text;
  splitString =
    separator: text:
    filter builtins.isString (builtins.split (escapeRegex separator) (toString text));
  escapeRegex = replaceStrings [ "." "/" "*" "+" "?" "(" ")" "[" "]" "{" "}" "^" "$" "|" ] (
    map (c: "[${c}]") [ "." "/" "*" "+" "?" "(" ")" ] ++ [ "\\[" "\\]" "\\{" "\\}" "\\^" "\\$" "\\|" ]
  );
  concatStrings = concatStringsSep "";
  concatMapStrings = f: list: concatStrings (map f list);
  concatMapStringsSep = separator: f: list: concatStringsSep separator (map f list);
  mapAttrsToList = f: set: map (name: f name set.${name}) (attrNames set);
  mapAttrs' = f: set: listToAttrs (map (name: f name set.${name}) (attrNames set));
  filterAttrs =
    predicate: set:
    listToAttrs (
      map (name: {
        inherit name;
        value = set.${name};
      }) (filter (name: predicate name set.${name}) (attrNames set))
    );
  genAttrs =
    names: f:
    listToAttrs (
      map (name: {
        inherit name;
        value = f name;
      }) names
    );
  importJSON = path: fromJSON (readFile path);
  escapeShellArg = value: "'${replaceStrings [ "'" ] [ "'\\''" ] (toString value)}'";
  escapeShellArgs = concatMapStringsSep " " escapeShellArg;
  makeBinPath = packages: concatStringsSep ":" (map (package: "${package}/bin") packages);
  makeLibraryPath = packages: concatStringsSep ":" (map (package: "${package}/lib") packages);
  # The function's result with a way to call it again with other arguments.
  makeOverridable =
    f: given:
    let
      result = f given;
    in
    result // { override = more: makeOverridable f (given // more); };
  getExe = package: "${package}/bin/${package.meta.mainProgram or (throw "getExe: ${package.name} has no meta.mainProgram")}";
  trivial.release = "26.11";
  licenses.mit.spdxId = "MIT";
  fetchers.proxyImpureEnvVars = [
    "http_proxy"
    "https_proxy"
    "no_proxy"
  ];
}
