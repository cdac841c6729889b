# The guest that a fleet runs in: fleet.toml's, as NixOS.
{
  imports = [ ./guest.nix ];

  nslab.guest = {
    role = "fleet";
    # Not measured. Debian's fleet boots with 352, of which 100 are its root unpacked in memory, twice for a moment;
    # this root stays on its disk, but systemd, udev and the journal take some 60, and the initrd is unpacked beside.
    memoryMinMib = 448;
  };
}
