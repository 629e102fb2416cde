#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <string_view>

#include "reconciler/base/status.h"

namespace slipway::vm {

// Watches a tar stream (ustar with pax headers and GNU's long names) on its way to a server and refuses what could
// write outside of the directory it is unpacked in: absolute names, "..", links that leave the tree, entries below a
// link, and types other than file, directory and symbolic link.
class TarGuard {
 public:
  // Takes the next bytes. Invalid, naming the entry; then the stream must not be used.
  Status take(std::string_view bytes);

 private:
  Status takeHeader(std::string_view header);
  Status takeEntry(char type, const std::string& name, const std::string& target);
  Status takeExtra(std::string_view content);
  Status takePax(std::string_view records);
  static Status remember(std::string& slot, std::string_view value);

  std::string block_;        // an incomplete header, or the extra header being read
  std::uint64_t skip_ = 0;   // bytes of content and padding that are not looked at
  std::uint64_t extra_ = 0;  // bytes of an extra header, with padding, that come into block_
  std::uint64_t extraSize_ = 0;
  char extraType_ = 0;  // x: pax records, L: long name, K: long link target
  std::string longName_;
  std::string longTarget_;
  std::string longSize_;
  std::set<std::string, std::less<>> links_;
};

}  // namespace slipway::vm
