# The outputs of the flake. Each part is a file beside this one; the scenarios are those of soak/scenarios, by their
# names.
{ self, nixpkgs }:
let
  # QEMU's microvm machine and the guests' kernel are x86's; the addon itself is not.
  system = "x86_64-linux";
  pkgs = nixpkgs.legacyPackages.${system}.extend self.overlays.default;
  inherit (nixpkgs) lib;
  scenarios = import ./scenarios.nix { inherit lib; };
  sweeps = import ./sweeps.nix { inherit lib pkgs; };
in
{
  overlays.default = import ./overlay.nix;
  nixosModules.default = import ./module.nix self;

  packages.${system} = {
    inherit (pkgs) nslab;
    default = pkgs.nslab;
  };
  apps.${system} = import ./apps.nix { inherit lib pkgs scenarios; };
  checks.${system} = import ./checks { inherit lib pkgs scenarios; };
  devShells.${system}.default = import ./dev-shell.nix { inherit pkgs; };

  inherit sweeps;
  hydraJobs = {
    inherit (self) checks packages;
    sweeps = lib.mapAttrs (_name: sweep: sweep.runs) sweeps;
  };
}
