# Types of the programs, the tests and the set-up.
{ pkgs, tree, ... }:
pkgs.runCommand "nslab-types" { nativeBuildInputs = [ pkgs.nslab.nodejs ]; } ''
  cp -r ${tree} tree
  chmod -R u+w tree
  cd tree
  ln -s ${pkgs.nslab.modules}/node_modules node_modules
  for project in tsconfig.json tsconfig.test.json tsconfig.setup.json; do
    node node_modules/typescript/bin/tsc --noEmit -p "$project"
  done
  touch "$out"
''
