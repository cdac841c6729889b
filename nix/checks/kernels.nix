# A small ring on every kernel that there are guest images of: each boots once, from cold, and is judged. The run
# folders, one a kernel, are the output. Needs KVM: emulation would say less.
{ lib, pkgs, guests, ... }:
pkgs.runCommand "nslab-kernels"
  {
    nativeBuildInputs = [ pkgs.nslab ];
    requiredSystemFeatures = [ "kvm" ];
    NSLAB_IMAGES = guests.folder;
  }
  ''
    export HOME=$TMPDIR
    nslab run ring --on vm --accel kvm --cold --nodes 5 --kernel ${lib.concatStringsSep "," guests.kernels} --out "$out"
  ''
