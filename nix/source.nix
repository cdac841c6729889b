# What the package is built from: any change of a document, a test or a Nix file builds nothing again.
{ lib }:
let
  folders = [
    "src"
    "native"
    "soak"
    "microvms"
  ];
  files = [
    "package.json"
    "package-lock.json"
    "flake.lock"
    "tsconfig.json"
    "LICENSE"
  ];
  root = toString ../.;
  topOf = path: lib.head (lib.splitString "/" (lib.removePrefix "${root}/" (toString path)));
in
builtins.path {
  path = ../.;
  name = "nslab-source";
  filter = path: _type: lib.elem (topOf path) (folders ++ files) && !lib.hasPrefix "${root}/native/build" (toString path);
}
