#pragma once

#include <functional>
#include <string>
#include <vector>

#include "tests/crash/crash_disk.h"

namespace slipway::store {

// What a disk may hold after a crash: everything that was synced, and of the rest any part, torn at sectors of 512
// bytes and in any order.
class DiskImages {
 public:
  struct Options {
    std::uint64_t seed = 1;
    std::size_t subsets = 8;    // of single operations lost or kept alone, at each crash point
    std::size_t random = 2;     // random subsets with random tears, likewise
    std::size_t stride = 1;     // of crash points
    bool syncsAreLies = false;  // a disk that forgets what it was told to sync
    std::size_t from = 0;       // first crash point: operations done before it
  };
  // `image` gets the files, how they came about, and the number of operations done before the crash.
  using Visit = std::function<void(DiskFiles files, const std::string& how, std::size_t done)>;

  // Calls `image` for each distinct image between two acknowledgements; `epoch` tells which those are. Returns how
  // many.
  static std::size_t forEach(const DiskFiles& start, const std::vector<DiskOperation>& operations,
                             const std::function<std::uint64_t(std::size_t done)>& epoch, const Options& options,
                             const Visit& image);
};

}  // namespace slipway::store
