#include "engine/max/stream_header.h"

#include <algorithm>

#include "engine/packets/big_endian.h"

namespace nslab::engine {

StreamHeaderBytes encode(const StreamHeader& header) {
  StreamHeaderBytes bytes{};
  write_u32(bytes.data(), kStreamMagic);
  bytes[4] = kStreamVersion;
  bytes[5] = header.hops_left;
  std::ranges::copy(header.run_id, bytes.begin() + 8);
  write_u32(bytes.data() + 24, header.intended);
  write_u32(bytes.data() + 28, header.source);
  write_u32(bytes.data() + 32, header.destination);
  write_u32(bytes.data() + 36, header.flow);
  write_u32(bytes.data() + 40, header.sender);
  return bytes;
}

bool decode(const StreamHeaderBytes& bytes, StreamHeader& header) {
  StreamHeader read;
  read.hops_left = bytes[5];
  std::copy_n(bytes.begin() + 8, read.run_id.size(), read.run_id.begin());
  read.intended = read_u32(bytes.data() + 24);
  read.source = read_u32(bytes.data() + 28);
  read.destination = read_u32(bytes.data() + 32);
  read.flow = read_u32(bytes.data() + 36);
  read.sender = read_u32(bytes.data() + 40);
  const bool good = read_u32(bytes.data()) == kStreamMagic && bytes[4] == kStreamVersion && bytes[6] == 0 &&
                    bytes[7] == 0 && read.intended != 0 && read.source != 0 && read.destination != 0 &&
                    read.sender != 0;
  if (good) header = read;
  return good;
}

}  // namespace nslab::engine
