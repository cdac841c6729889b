# A minute of churn in a microVM, the collector judged against what truly was.
{ vmRun, ... }:
vmRun {
  name = "churn-minute";
  words = [
    "run"
    "churn"
    "--duration"
    "60s"
  ];
}
