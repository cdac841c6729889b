# One ring through two microVMs, the controller in a third: every link between them is proven on both ends.
{ vmRun, ... }:
vmRun {
  name = "multihost";
  words = [
    "run"
    "multihost"
  ];
}
