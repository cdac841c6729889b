# nix develop: what building and testing nslab from a clone need.
{ pkgs }:
pkgs.mkShell {
  inputsFrom = [
    pkgs.nslab
    pkgs.nslab.native
  ];
  packages = [
    pkgs.nslab.nodejs
    pkgs.chromium
    pkgs.clang-tools
    pkgs.iproute2
    pkgs.postgresql
    pkgs.qemu_kvm
  ];
}
