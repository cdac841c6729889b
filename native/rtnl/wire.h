// Bytes of netlink messages: attributes written, and read within bounds. Knows no kernel object.
#pragma once

#include <linux/netlink.h>
#include <linux/rtnetlink.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace nslab::rtnl {

/** Grows a buffer of whole netlink messages. Lengths are filled in by the end_ calls. */
class Writer {
 public:
  /** Starts a message; returns its offset, for end_message. */
  size_t begin_message(uint16_t type, uint16_t flags, uint32_t sequence) {
    const size_t offset = bytes_.size();
    nlmsghdr header{};
    header.nlmsg_type = type;
    header.nlmsg_flags = static_cast<uint16_t>(NLM_F_REQUEST | flags);
    header.nlmsg_seq = sequence;
    append(&header, sizeof header);
    return offset;
  }
  void end_message(size_t offset) { patch<uint32_t>(offset, static_cast<uint32_t>(bytes_.size() - offset)); }

  /** The fixed part of a message or of a nested attribute: ifinfomsg, ifaddrmsg, … */
  template <typename T>
  void put_struct(const T& value) {
    append(&value, sizeof value);
  }

  void put_bytes(uint16_t type, const void* data, size_t size) {
    const nlattr header{static_cast<uint16_t>(NLA_HDRLEN + size), type};
    append(&header, sizeof header);
    append(data, size);
  }
  template <typename T>
  void put(uint16_t type, T value) {
    put_bytes(type, &value, sizeof value);
  }
  /** With the closing zero that the kernel's string policies want. At most 255 bytes. */
  void put_string(uint16_t type, std::string_view text) {
    char buffer[256] = {};
    std::memcpy(buffer, text.data(), std::min(text.size(), sizeof buffer - 1));
    put_bytes(type, buffer, std::min(text.size(), sizeof buffer - 1) + 1);
  }
  size_t begin_nest(uint16_t type) {
    const size_t offset = bytes_.size();
    const nlattr header{0, static_cast<uint16_t>(type | NLA_F_NESTED)};
    append(&header, sizeof header);
    return offset;
  }
  void end_nest(size_t offset) { patch<uint16_t>(offset, static_cast<uint16_t>(bytes_.size() - offset)); }

  [[nodiscard]] std::span<const std::byte> bytes() const { return bytes_; }
  [[nodiscard]] nlmsghdr header_at(size_t offset) const {
    nlmsghdr header;
    std::memcpy(&header, bytes_.data() + offset, sizeof header);
    return header;
  }
  void set_header(size_t offset, const nlmsghdr& header) {
    std::memcpy(bytes_.data() + offset, &header, sizeof header);
  }
  void clear() { bytes_.clear(); }
  void truncate(size_t size) { bytes_.resize(size); }

 private:
  /** Netlink aligns everything to 4 bytes; the padding is zero. */
  void append(const void* data, size_t size) {
    const size_t at = bytes_.size();
    bytes_.resize(at + NLMSG_ALIGN(size));
    if (size != 0) std::memcpy(bytes_.data() + at, data, size);
  }
  template <typename T>
  void patch(size_t offset, T value) {
    std::memcpy(bytes_.data() + offset, &value, sizeof value);
  }

  std::vector<std::byte> bytes_;
};

/** One attribute of a message. `type` is without the nested and byte-order flags. */
struct Attribute {
  uint16_t type = 0;
  std::span<const std::byte> payload;

  /** The payload as a value; nothing where its size is another. */
  template <typename T>
  [[nodiscard]] std::optional<T> as() const {
    if (payload.size() != sizeof(T)) return std::nullopt;
    T value;
    std::memcpy(&value, payload.data(), sizeof value);
    return value;
  }
  /** The payload as text, up to its closing zero. */
  [[nodiscard]] std::string_view text() const {
    const std::string_view all(reinterpret_cast<const char*>(payload.data()), payload.size());
    return all.substr(0, all.find('\0'));
  }
};

/** Walks attributes. Stops for good at the first one that does not fit its buffer. */
class AttributeReader {
 public:
  explicit AttributeReader(std::span<const std::byte> bytes) : rest_(bytes) {}

  [[nodiscard]] bool next(Attribute& attribute) {
    nlattr header;
    if (rest_.size() < sizeof header) return end();
    std::memcpy(&header, rest_.data(), sizeof header);
    if (header.nla_len < sizeof header || header.nla_len > rest_.size()) return end();
    attribute.type = header.nla_type & NLA_TYPE_MASK;
    attribute.payload = rest_.subspan(sizeof header, header.nla_len - sizeof header);
    rest_ = rest_.subspan(std::min<size_t>(NLA_ALIGN(header.nla_len), rest_.size()));
    return true;
  }
  /** Whether it stopped before the end of its bytes. */
  [[nodiscard]] bool damaged() const { return damaged_; }

 private:
  bool end() {
    damaged_ = damaged_ || !rest_.empty();
    rest_ = {};
    return false;
  }

  std::span<const std::byte> rest_;
  bool damaged_ = false;
};

/** The first attribute of a type in a block; payload empty and type 0 where there is none. */
[[nodiscard]] inline std::optional<Attribute> find_attribute(std::span<const std::byte> bytes, uint16_t type) {
  AttributeReader reader(bytes);
  for (Attribute attribute; reader.next(attribute);)
    if (attribute.type == type) return attribute;
  return std::nullopt;
}

/** One message of a datagram. */
struct Message {
  nlmsghdr header{};
  std::span<const std::byte> payload;

  /** The fixed part at the payload's start; nothing where the payload is too short. */
  template <typename T>
  [[nodiscard]] std::optional<T> body() const {
    if (payload.size() < sizeof(T)) return std::nullopt;
    T value;
    std::memcpy(&value, payload.data(), sizeof value);
    return value;
  }
  /** What follows a fixed part of type T. */
  template <typename T>
  [[nodiscard]] std::span<const std::byte> attributes() const {
    return payload.size() < NLMSG_ALIGN(sizeof(T)) ? std::span<const std::byte>{}
                                                   : payload.subspan(NLMSG_ALIGN(sizeof(T)));
  }
};

/** Walks the messages of one datagram. Stops for good at the first one that does not fit. */
class MessageReader {
 public:
  explicit MessageReader(std::span<const std::byte> bytes) : rest_(bytes) {}

  [[nodiscard]] bool next(Message& message) {
    if (rest_.size() < sizeof message.header) return end();
    std::memcpy(&message.header, rest_.data(), sizeof message.header);
    const size_t size = message.header.nlmsg_len;
    if (size < sizeof message.header || size > rest_.size()) return end();
    message.payload = rest_.subspan(sizeof message.header, size - sizeof message.header);
    rest_ = rest_.subspan(std::min<size_t>(NLMSG_ALIGN(size), rest_.size()));
    return true;
  }
  /** Whether it stopped before the end of its bytes. */
  [[nodiscard]] bool damaged() const { return damaged_; }

 private:
  bool end() {
    damaged_ = damaged_ || !rest_.empty();
    rest_ = {};
    return false;
  }

  std::span<const std::byte> rest_;
  bool damaged_ = false;
};

}  // namespace nslab::rtnl
