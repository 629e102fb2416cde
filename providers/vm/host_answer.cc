#include "providers/vm/host_answer.h"

#include <charconv>

#include "reconciler/base/strings.h"

namespace slipway::vm {
namespace {

template <typename T>
T numberOr(std::string_view text, T other) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size() ? value : other;
}

Code codeOf(std::string_view name) {
  for (const Code code : {Code::NotFound, Code::Conflict, Code::Invalid, Code::Denied, Code::Unavailable, Code::Timeout,
                          Code::Cancelled, Code::OutcomeUnknown}) {
    if (codeName(code) == name) {
      return code;
    }
  }
  return Code::Internal;
}

}  // namespace

HostAnswer::Event HostAnswer::takeLine(std::string_view line) {
  if (!greeted_) {
    greeted_ = line == "slipway 1";
    return Event::None;
  }
  if (ended_) {
    return Event::None;
  }
  const std::size_t space = line.find(' ');
  const std::string_view word = line.substr(0, space);
  return takeWord(word, space == std::string_view::npos ? std::string_view() : line.substr(space + 1));
}

HostAnswer::Event HostAnswer::takeWord(std::string_view word, std::string_view rest) {
  if (word == "phase") {
    phase_ = rest;
    return Event::Phase;
  }
  if (word == "manifest") {
    return Event::Manifest;
  }
  if (word == "need") {
    sendAll_ = rest == "all";
  } else if (word == "path") {
    missing_.emplace_back(rest);
  } else if (word == "send") {
    return Event::Send;
  } else if (word == "armed") {
    return Event::Armed;
  } else if (word == "switched") {
    return Event::Switched;
  } else if (word == "recorded") {
    result_.alreadyDone = true;
  } else if (word == "outcome") {
    outcome_ = rest;
  } else if (word == "code") {
    code_ = rest;
  } else if (word == "already") {
    result_.alreadyDone = result_.alreadyDone || rest == "1";
  } else if (word == "failed") {
    result_.phase = rest;
  } else if (word == "exit") {
    result_.exitCode = numberOr(rest, -1);
  } else if (word == "digest") {
    result_.digest = rest;
  } else if (word == "tail") {
    result_.tail += cat(result_.tail.empty() ? "" : "\n", printable(rest));
  } else if (word == "message") {
    message_ = printable(rest);
  } else if (word == "end") {
    ended_ = true;
    return Event::End;
  } else {
    takeObservation(word, rest);
  }
  return Event::None;
}

void HostAnswer::takeObservation(std::string_view word, std::string_view rest) {
  TargetObservation& seen = result_.observed;
  if (word == "current") {
    seen.current = rest;
  } else if (word == "previous") {
    seen.previous = rest;
  } else if (word == "slot") {
    seen.slot = rest;
  } else if (word == "problem") {
    seen.problem += cat(seen.problem.empty() ? "" : "; ", printable(rest));
  } else if (word == "fence" || word == "fenced") {
    seen.fence = numberOr<std::uint64_t>(rest, 0);
    result_.fenced = word == "fenced";
  } else if (word == "free") {
    seen.freeBytes = numberOr<std::int64_t>(rest, -1);
  } else if (word == "release") {
    seen.releases.push_back({std::string(rest), {}, {}, false});
  } else if (!seen.releases.empty()) {
    PreparedRelease& last = seen.releases.back();
    if (word == "identity") {
      last.identity = rest;
    } else if (word == "content") {
      last.digest = rest;
    } else if (word == "ready") {
      last.ready = rest == "1";
    }
  }
}

StepResult HostAnswer::result(const std::string& host) const {
  StepResult result = result_;
  if (outcome_ == "done") {
    return result;
  }
  const bool unknown = outcome_ == "unknown";
  result.outcome = unknown ? StepResult::Outcome::Unknown : StepResult::Outcome::Refused;
  result.noRoom = code_ == "ResourceExhausted";
  const Code code = result.noRoom ? Code::Unavailable : codeOf(code_);
  result.status = Status(unknown ? Code::OutcomeUnknown : code, cat(host, ": ", message_));
  return result;
}

}  // namespace slipway::vm
