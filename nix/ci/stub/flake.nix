# Stands in for nixpkgs where that can't be had: the same names, made of this machine's own programs. It knows only the
# names that nslab's flake may use, so that a misspelt one is an error here, too. What it can't see is in the README.
{
  outputs =
    { self }:
    {
      lib =
        import ./lib.nix
        // import ./module-lib.nix { lib = import ./lib.nix; }
        // import ./nixos.nix { lib = import ./lib.nix; };
      legacyPackages = self.lib.genAttrs [
        "x86_64-linux"
        "aarch64-linux"
        "aarch64-darwin"
        "x86_64-darwin"
      ] (system: import ./pkgs.nix { inherit (self) lib; inherit system; });
    };
}
