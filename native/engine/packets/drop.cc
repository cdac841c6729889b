#include "engine/packets/drop.h"

namespace nslab::engine {

const char* drop_name(Drop reason) {
  switch (reason) {
    case Drop::none:
      return "none";
    case Drop::no_route:
      return "no_route";
    case Drop::no_link:
      return "no_link";
    case Drop::hops_exceeded:
      return "hops_exceeded";
    case Drop::lane_full:
      return "lane_full";
    case Drop::queue_full:
      return "queue_full";
    case Drop::early:
      return "early";
    case Drop::over_bucket:
      return "over_bucket";
    case Drop::loss:
      return "loss";
    case Drop::malformed:
      return "malformed";
    case Drop::withdrawn:
      return "withdrawn";
    case Drop::ended:
      return "ended";
    case Drop::local_full:
      return "local_full";
    case Drop::nobody:
      return "nobody";
    case Drop::no_spare:
      return "no_spare";
  }
  return "unknown";
}

}  // namespace nslab::engine
