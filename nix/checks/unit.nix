# The tests that need neither a kernel of their own nor a network: what is pure.
{ testRun, ... }:
testRun {
  name = "unit";
  files =
    map (folder: "test/${folder}/*.test.ts") [
      "addressing"
      "base"
      "config"
      "judge"
      "judge/proof"
      "judge/soak"
      "judge/traffic"
      "protocol"
      "topology"
    ]
    # The others look at the page in a browser.
    ++ [ "$(grep -L fixtures/chromium test/report/*.test.ts)" ];
}
