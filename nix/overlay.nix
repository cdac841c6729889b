# nslab on top of nixpkgs.
final: _prev: {
  nslab = final.callPackage ./package.nix { };
  nslab-guest = final.callPackage ./guest-programs.nix { };
}
