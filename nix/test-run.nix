# Tests of the tree in a sandbox, with the modules and the addon of the package. `files` are words of the shell, in the
# tree: patterns and commands find a new test without a word here. A test that fails says so with its whole output. What
# a sandbox has no powers for is not among them.
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
    ran=0
    for file in ${toString files}; do
      ran=$((ran + 1))
      if node --import=tsx "$file" > said 2>&1; then
        echo "ok $file"
      else
        cat said
        echo "not ok $file"
        failed="$failed $file"
      fi
    done
    if [ "$ran" = 0 ]; then echo "nslab-${name}: there is no test to run" >&2; exit 1; fi
    if [ -n "$failed" ]; then echo "failed:$failed" >&2; exit 1; fi
  '';
  installPhase = ''
    touch "$out"
  '';
}
