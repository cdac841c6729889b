// Command line, and who opens what where.
#include "connections/options.h"

#include <cstdlib>
#include <cstring>
#include <limits>

#include <cerrno>

#include "connections/ground.h"

namespace nslab::connections {
namespace {

Status wrong(const std::string& what) { return Status::failed(EINVAL, what, "nslab-connections"); }

std::optional<double> number(const char* word) {
  char* end = nullptr;
  const double value = std::strtod(word, &end);
  if (*word == '\0' || *end != '\0' || !(value >= 0) || value > 1e12) return std::nullopt;
  return value;
}

}  // namespace

Result<Options> parse_options(int count, char** words) {
  Options options;
  for (int at = 1; at < count; ++at) {
    const std::string name = words[at];
    if (name == "--probe") {
      options.probe = true;
      continue;
    }
    if (++at == count) return wrong(name + " without a value");
    if (name == "--layout") {
      const std::string layout = words[at];
      if (layout != "loopback" && layout != "pairs") return wrong("--layout " + layout);
      options.layout = layout == "pairs" ? Layout::kPairs : Layout::kLoopback;
      continue;
    }
    const auto value = number(words[at]);
    if (!value) return wrong(name + " " + words[at]);
    if (name == "--count") options.count = static_cast<uint64_t>(*value);
    else if (name == "--namespaces") options.namespaces = static_cast<uint32_t>(*value);
    else if (name == "--workers") options.workers = static_cast<uint32_t>(*value);
    else if (name == "--per-listener") options.per_listener = static_cast<uint32_t>(*value);
    else if (name == "--rate") options.rate_per_s = *value;
    else if (name == "--open-files") options.open_files = static_cast<uint64_t>(*value);
    else if (name == "--parent") options.parent = static_cast<int>(*value);
    else return wrong(name);
  }
  if (options.probe) return options;
  if (options.count < 1 || options.workers < 1 || options.per_listener < 1)
    return wrong("--count, --workers and --per-listener from 1");
  if (options.namespaces < 1 || (options.layout == Layout::kPairs && options.namespaces % 2 != 0))
    return wrong("--namespaces from 1, in pairs an even number");
  return options;
}

uint32_t places_of(const Options& options) {
  return options.layout == Layout::kPairs ? options.namespaces / 2 : options.namespaces;
}

Result<std::vector<Share>> shares_of(const Options& options) {
  const uint32_t places = places_of(options);
  const uint32_t count = std::max(places, options.workers);
  std::vector<Share> shares(count);
  std::vector<uint32_t> used(places);
  for (uint32_t number = 0; number < count; ++number) {
    Share& share = shares[number];
    share.place = number % places;
    share.worker = number % options.workers;
    share.count = options.count / count + (number < options.count % count ? 1 : 0);
    const uint64_t ports = (share.count + options.per_listener - 1) / options.per_listener;
    uint32_t& taken = used[share.place];
    if (taken + ports > kListenPorts) return wrong("more listening ports in a namespace than there are");
    share.first_port = static_cast<uint16_t>(kFirstListenPort + taken);
    share.ports = static_cast<uint16_t>(ports);
    taken += static_cast<uint32_t>(ports);
  }
  return shares;
}

}  // namespace nslab::connections
