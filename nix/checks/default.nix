# nix flake check: every file beside this one is a check of its name, a function of what is given here.
#
#   lib, pkgs   nixpkgs', with nslab
#   scenarios   names of the scenarios that ship
#   guests      the guest images of every role and kernel (images.nix)
#   image       the image of a controller's guest, which runs anything; null where the flake makes none
#   tree        everything in the repository
#   vmRun       a run in microVMs as a check
#   testRun     tests of the tree as a check
{
  lib,
  pkgs,
  scenarios,
  guests,
  image,
}:
let
  root = toString ../..;
  # A flake of a folder that is no git tree has these among its files.
  made = [
    ".cache"
    ".git"
    ".tap"
    "dist"
    "node_modules"
    "native/build"
    "runs"
  ];
  tree = builtins.path {
    path = ../..;
    name = "nslab-tree";
    filter = path: _type: !lib.elem (lib.removePrefix "${root}/" (toString path)) made;
  };
  vmRun = import ../vm-run.nix { inherit lib pkgs; };
  args = {
    inherit
      lib
      pkgs
      scenarios
      guests
      image
      tree
      ;
    vmRun = given: vmRun (given // { inherit image; });
    testRun = import ../test-run.nix { inherit pkgs tree; };
  };
  files = lib.filterAttrs (name: _type: name != "default.nix") (builtins.readDir ./.);
in
lib.mapAttrs' (file: _type: {
  name = lib.removeSuffix ".nix" file;
  value = import (./. + "/${file}") args;
}) files
