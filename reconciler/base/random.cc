#include "reconciler/base/random.h"

#include <string_view>

#include "reconciler/base/strings.h"

namespace slipway {

std::string newUuid(Random& random) {
  std::string bytes;
  for (int half = 0; half < 2; ++half) {
    const std::uint64_t word = random.next();
    for (unsigned shift = 0; shift < 64; shift += 8) {
      bytes += static_cast<char>((word >> shift) & 0xFFU);
    }
  }
  bytes[6] = static_cast<char>((static_cast<unsigned char>(bytes[6]) & 0x0FU) | 0x40U);
  bytes[8] = static_cast<char>((static_cast<unsigned char>(bytes[8]) & 0x3FU) | 0x80U);
  std::string hex = hexEncode(bytes);
  for (std::size_t at : {20U, 16U, 12U, 8U}) {
    hex.insert(at, "-");
  }
  return hex;
}

std::string newNameSuffix(Random& random, std::size_t length) {
  constexpr std::string_view kAlphabet = "bcdfghjklmnpqrstvwxz2456789";
  std::string out;
  for (std::size_t i = 0; i < length; ++i) {
    out += kAlphabet[random.next() % kAlphabet.size()];
  }
  return out;
}

}  // namespace slipway
