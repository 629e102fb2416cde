#pragma once

#include <memory>

#include "reconciler/base/clock.h"
#include "reconciler/base/log.h"
#include "reconciler/base/random.h"

namespace slipway {

// The machine's clock, with one timer thread of its own. Destruction drops pending timers and joins the thread.
std::unique_ptr<Clock> newSystemClock();

// The operating system's random generator.
std::unique_ptr<Random> newSystemRandom();

// SHA-256 of the bytes, lower-case hexadecimal, 64 characters.
std::string sha256Hex(std::string_view bytes);

// HMAC-SHA1, 20 raw bytes: OpenSSH hides host names in known_hosts with it. For nothing else.
std::string hmacSha1(std::string_view key, std::string_view text);

// Streaming form of sha256Hex.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;
  void update(std::string_view bytes);
  // Ends the stream; call once.
  std::string hex();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace slipway
