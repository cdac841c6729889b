# The parts of the tree that something is built from: a change of anything else builds it not again.
{ lib, parts }:
let
  root = toString ../.;
  topOf = path: lib.head (lib.splitString "/" (lib.removePrefix "${root}/" (toString path)));
in
builtins.path {
  path = ../.;
  name = "nslab-source";
  filter = path: _type: lib.elem (topOf path) parts && !lib.hasPrefix "${root}/native/build" (toString path);
}
