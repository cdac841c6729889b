# nslab as a flake: nix run .#ring -- --nodes 800, nix run .#nslab -- doctor, nix flake check, nix develop. What the
# outputs are is in nix/default.nix.
{
  description = "A microVM test lab for software that lives in thousands of Linux network namespaces";

  inputs.nixpkgs.url = "github:NixOS/nixpkgs/nixos-unstable";

  outputs = { self, nixpkgs }: import ./nix { inherit self nixpkgs; };
}
