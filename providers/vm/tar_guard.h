#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <string_view>

#include "reconciler/base/status.h"

namespace slipway::vm {

// Watches a tar stream (ustar with pax headers) on its way to a server and refuses what could write outside of the
// directory it is unpacked in: absolute names, "..", links that leave the tree, entries below a link, and types other
// than file, directory and symbolic link.
class TarGuard {
 public:
  // Takes the next bytes. Invalid, naming the entry; then the stream must not be used.
  Status take(std::string_view bytes);

 private:
  Status takeHeader(std::string_view header);
  Status takeEntry(char type, const std::string& name, const std::string& target);
  void takePax(std::string_view records);

  std::string block_;       // an incomplete header, or the pax records being read
  std::uint64_t skip_ = 0;  // bytes of content and padding that are not looked at
  std::uint64_t pax_ = 0;   // bytes of pax records, with padding, still to come into block_
  std::uint64_t paxSize_ = 0;
  std::string longName_;
  std::string longTarget_;
  std::set<std::string, std::less<>> links_;
};

}  // namespace slipway::vm
