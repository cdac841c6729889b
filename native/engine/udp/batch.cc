#include "engine/udp/batch.h"

#include <netinet/in.h>
#include <netinet/udp.h>

#include <algorithm>
#include <cstring>

namespace nslab::engine::udp {

Batch::Datagram& Batch::open() {
  const size_t index = datagrams_count_++;
  Datagram& datagram = datagrams_[index];
  datagram = {};
  datagram.first_slice = static_cast<uint32_t>(slices_count_);
  slice(datagram, headers_[index].data(), kHeaderBytes);
  return datagram;
}

void Batch::slice(Datagram& datagram, const uint8_t* from, uint32_t size) {
  datagram.size += size;
  if (datagram.slices > 1) {
    iovec& last = slices_[slices_count_ - 1];
    if (static_cast<const uint8_t*>(last.iov_base) + last.iov_len == from) {
      last.iov_len += size;
      return;
    }
  }
  slices_[slices_count_++] = {const_cast<uint8_t*>(from), size};
  datagram.slices++;
}

bool Batch::add(const uint8_t* frame, uint32_t size) {
  const uint32_t most = std::clamp(sender_.datagram_bytes, kDatagramBytesMin, kMessageBytes);
  const auto room = static_cast<uint32_t>(most - kHeaderBytes);
  if (size > room) return add_parts(frame, size, room);
  if (slices_count_ + 2 > kSlicesMax) return false;
  Datagram* last = datagrams_count_ > 0 ? &datagrams_[datagrams_count_ - 1] : nullptr;
  if (!last || last->parts > 0 || last->size + size > most) {
    if (datagrams_count_ == kDatagramsMax) return false;
    last = &open();
  }
  slice(*last, frame, size);
  last->packets++;
  last->frame_bytes += size;
  return true;
}

bool Batch::add_parts(const uint8_t* frame, uint32_t size, uint32_t room) {
  const uint32_t parts = (size + room - 1) / room;
  if (datagrams_count_ + parts > kDatagramsMax || slices_count_ + 2 * parts > kSlicesMax) return false;
  for (uint32_t part = 0; part < parts; part++) {
    Datagram& datagram = open();
    const uint32_t from = part * room;
    slice(datagram, frame + from, std::min(room, size - from));
    datagram.part = static_cast<uint8_t>(part);
    datagram.parts = static_cast<uint8_t>(parts);
  }
  // Counted with its last part: one that leaves in part is begun again.
  datagrams_[datagrams_count_ - 1].packets = 1;
  datagrams_[datagrams_count_ - 1].frame_bytes = size;
  return true;
}

void Batch::finish() {
  uint64_t packets = sender_.packets;
  for (size_t i = 0; i < datagrams_count_; i++) {
    const Datagram& datagram = datagrams_[i];
    packets += datagram.packets;
    const bool is_begun = datagram.parts > 0 && datagram.part + 1 < datagram.parts;
    encode({Kind::data, datagram.part, datagram.parts, sender_.key, sender_.number + i, packets + (is_begun ? 1 : 0)},
           headers_[i].data());
  }
  group();
}

void Batch::group() {
  for (size_t begin = 0; begin < datagrams_count_ && messages_count_ < kMessagesMax;) {
    const uint32_t size = datagrams_[begin].size;
    size_t end = begin + 1;
    uint32_t bytes = size, slices = datagrams_[begin].slices;
    // All of one size but the last, which may be shorter.
    while (sender_.cuts && end < datagrams_count_ && end - begin < kCutsMax && datagrams_[end - 1].size == size &&
           datagrams_[end].size <= size && bytes + datagrams_[end].size <= kMessageBytes) {
      bytes += datagrams_[end].size;
      slices += datagrams_[end].slices;
      end++;
    }
    mmsghdr& message = messages_[messages_count_];
    message = {};
    message.msg_hdr.msg_iov = &slices_[datagrams_[begin].first_slice];
    message.msg_hdr.msg_iovlen = slices;
    if (end - begin > 1) {
      Control& control = controls_[messages_count_];
      control = {};
      message.msg_hdr.msg_control = control.bytes.data();
      message.msg_hdr.msg_controllen = control.bytes.size();
      cmsghdr* header = CMSG_FIRSTHDR(&message.msg_hdr);
      header->cmsg_level = SOL_UDP;
      header->cmsg_type = UDP_SEGMENT;
      header->cmsg_len = CMSG_LEN(sizeof(uint16_t));
      const auto cut = static_cast<uint16_t>(size);
      std::memcpy(CMSG_DATA(header), &cut, sizeof cut);
    }
    ends_[messages_count_++] = end;
    begin = end;
  }
}

Batch::Left Batch::left(size_t messages) const {
  Left left;
  left.datagrams = messages == 0 ? 0 : ends_[messages - 1];
  for (size_t i = 0; i < left.datagrams; i++) {
    left.frame_bytes += datagrams_[i].frame_bytes;
    left.packets += datagrams_[i].packets;
  }
  return left;
}

}  // namespace nslab::engine::udp
