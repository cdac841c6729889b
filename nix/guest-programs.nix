# nslab as a guest runs it: its programs in few files, the addon, the scenarios; without what only a host needs, QEMU
# and the tools of a build. Made by nslab's own code, as for the images that it makes without Nix.
{ nslab, runCommand }:
runCommand "nslab-guest-${nslab.version}" { nativeBuildInputs = [ nslab.nodejs ]; } ''
  mkdir work
  cp -r ${nslab}/lib/nslab/. work
  chmod -R u+w work
  rm work/node_modules
  # The bundler is one of the modules of development.
  ln -s ${nslab.modules}/node_modules work/node_modules
  mkdir "$out"
  node work/dist/cli/main.js guest-files "$out/nslab"
''
