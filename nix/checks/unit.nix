# The tests that need neither a kernel of their own nor a network: what is pure.
{ lib, pkgs, ... }:
let
  folders = [ "addressing" "base" "config" "judge" "protocol" "topology" ];
in
pkgs.stdenvNoCC.mkDerivation {
  name = "nslab-unit";
  src = builtins.path {
    path = ../..;
    name = "nslab-tests";
  };
  nativeBuildInputs = [ pkgs.nslab.nodejs ];
  buildPhase = ''
    export HOME=$TMPDIR
    ln -s ${pkgs.nslab.modules}/node_modules node_modules
    ln -s ${pkgs.nslab}/lib/nslab/native/build native/build
    for file in ${lib.concatMapStringsSep " " (folder: "test/${folder}/*.test.ts") folders}; do
      node --import=tsx "$file" > said || { cat said; exit 1; }
    done
  '';
  installPhase = ''touch "$out"'';
}
