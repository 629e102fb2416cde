#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "reconciler/ports/provider.h"

namespace slipway::vm {

// What the host script said so far. Feed it bytes of standard output; it keeps what lines mean.
class HostAnswer {
 public:
  enum class Event { None, Phase, Manifest, Send, Armed, Switched, End };

  // Takes one line, without its newline. Lines before the greeting are somebody else's and ignored.
  Event takeLine(std::string_view line);

  bool greeted() const { return greeted_; }
  bool ended() const { return ended_; }
  const std::string& phase() const { return phase_; }
  // After Send: the paths that are missing on the target; all when sendAll.
  bool sendAll() const { return sendAll_; }
  const std::vector<std::string>& missing() const { return missing_; }
  // REQUIRES: ended(). What the script answered; the host's name is put in front of the message.
  StepResult result(const std::string& host) const;

 private:
  Event takeWord(std::string_view word, std::string_view rest);
  void takeObservation(std::string_view word, std::string_view rest);

  bool greeted_ = false;
  bool ended_ = false;
  bool sendAll_ = false;
  std::string phase_;
  std::vector<std::string> missing_;
  std::string outcome_;
  std::string code_;
  std::string message_;
  StepResult result_;
};

// Whole lines out of pieces. A line longer than 64 KiB is cut.
class LineBuffer {
 public:
  // Calls `line` for each line that is now complete.
  template <typename F>
  void take(std::string_view bytes, F&& line) {
    pending_.append(bytes);
    std::size_t from = 0;
    for (std::size_t end; (end = pending_.find('\n', from)) != std::string::npos; from = end + 1) {
      line(std::string_view(pending_).substr(from, end - from));
    }
    pending_.erase(0, from);
    if (pending_.size() > kLongest) {
      line(std::string_view(pending_));
      pending_.clear();
    }
  }
  // What came after the last newline.
  std::string rest() { return std::exchange(pending_, {}); }

 private:
  static constexpr std::size_t kLongest = 64U << 10U;
  std::string pending_;
};

}  // namespace slipway::vm
