# Formatting and lint of TypeScript and JSON, by the Biome of package-lock.json: another version would format otherwise.
# It is a program for any distribution, so the dynamic linker and the libraries are named. C++ is not among it: what
# clang-format makes differs from version to version, and nixpkgs' is another than the one the tree is written with.
{ lib, pkgs, tree, ... }:
pkgs.runCommandCC "nslab-format" { } ''
  cp -r ${tree} tree
  chmod -R u+w tree
  cd tree
  linker=$(cat "$NIX_CC/nix-support/dynamic-linker")
  "$linker" --library-path ${lib.makeLibraryPath [ pkgs.stdenv.cc.cc.lib pkgs.stdenv.cc.libc ]} \
    ${pkgs.nslab.modules}/node_modules/@biomejs/cli-linux-x64/biome ci --colors=off .
  touch "$out"
''
