# A ring of 20 nodes in a microVM of this machine, judged. The run folder is the output. Needs KVM: emulation would
# say less.
{ pkgs, ... }:
pkgs.runCommand "nslab-ring-smoke"
  {
    nativeBuildInputs = [ pkgs.nslab ];
    requiredSystemFeatures = [ "kvm" ];
  }
  ''
    export HOME=$TMPDIR
    nslab run ring --on vm --accel kvm --nodes 20 --out "$out"
  ''
