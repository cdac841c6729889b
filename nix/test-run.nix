# Tests of the tree in a sandbox, with the modules and the addon of the package: `folders` of test/, or `files`. A test
# that fails says so with its whole output. What a sandbox has no powers for is not among them.
{ pkgs, tree }:
{
  name,
  files,
  inputs ? [ ],
}:
pkgs.stdenv.mkDerivation {
  name = "nslab-${name}";
  src = tree;
  nativeBuildInputs = [ pkgs.nslab.nodejs ] ++ inputs;
  # Sanitizers have opinions of their own about optimisation and fortification.
  hardeningDisable = [ "all" ];
  dontConfigure = true;
  buildPhase = ''
    export HOME=$TMPDIR CI=1
    ln -s ${pkgs.nslab.modules}/node_modules node_modules
    mkdir -p native/build
    ln -s ${pkgs.nslab}/lib/nslab/native/build/Release native/build/Release
    ln -s ${pkgs.nslab}/lib/nslab/dist dist
    failed=
    for file in ${toString files}; do
      if node --import=tsx "$file" > said 2>&1; then
        echo "ok $file"
      else
        cat said
        echo "not ok $file"
        failed="$failed $file"
      fi
    done
    if [ -n "$failed" ]; then echo "failed:$failed" >&2; exit 1; fi
  '';
  installPhase = ''
    touch "$out"
  '';
}
