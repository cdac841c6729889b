# A ring of 20 nodes in a microVM of this machine, judged.
{ vmRun, ... }:
vmRun {
  name = "ring-smoke";
  words = [
    "run"
    "ring"
    "--nodes"
    "20"
  ];
}
