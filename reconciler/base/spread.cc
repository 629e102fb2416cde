#include "reconciler/base/spread.h"

#include <string>

#include "reconciler/base/system.h"

namespace slipway {

double placeOf(std::string_view text) {
  return static_cast<double>(std::stoul(sha256Hex(text).substr(0, 4), nullptr, 16)) / 65536.0;
}

Duration part(Duration whole, double fraction) {
  return std::chrono::duration_cast<Duration>(std::chrono::duration<double>(whole) * fraction);
}

}  // namespace slipway
