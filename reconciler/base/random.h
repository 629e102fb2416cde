#pragma once

#include <cstdint>
#include <string>

namespace slipway {

// The only source of randomness: back-off jitter, uids, generated names. Thread-safe. The production one is the
// operating system's generator; tests use a seeded one.
class Random {
 public:
  virtual ~Random() = default;
  virtual std::uint64_t next() = 0;
};

// An RFC 4122 version 4 UUID, 36 characters.
std::string newUuid(Random& random);

// `length` characters of Kubernetes' generateName alphabet, which has no vowels and no look-alikes.
std::string newNameSuffix(Random& random, std::size_t length);

}  // namespace slipway
