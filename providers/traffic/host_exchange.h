#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "reconciler/ports/traffic.h"

namespace slipway::traffic {

// What we keep beside the configuration: whose the service is, what it was before us, and what we left there.
struct Record {
  std::string application;
  bool hadOriginal = false;
  std::string original;           // the part of the configuration that we manage, as it was before the first change
  std::vector<std::string> left;  // digests: of what was there before the last change, and after it
  std::vector<TrafficBackend> backends;
  std::vector<int> weights;  // of the backends, in their order
  // Kept by the host script.
  std::uint64_t fence = 0;
  bool settled = true;  // all of the last change was seen to happen
  std::string reloadedBoot;
  std::uint64_t reloadedAt = 0;  // hundredths of a second since that start of the machine

  // Whether a configuration with this digest is one that we left.
  bool knows(const std::string& digest) const;
  bool operator==(const Record&) const = default;
};

std::string encodeRecord(const Record& record);

struct Worker {
  std::string pid;
  std::uint64_t began = 0;
  bool leaving = false;
};

// What the host script has seen.
struct Look {
  std::optional<std::string> file;  // its content; nothing: there is none
  bool interrupted = false;         // a change of it never came to its end
  std::optional<Record> record;
  std::vector<std::string> replies;  // to the questions, as far as there were any
  std::string silent;                // why there was no further one
  std::vector<Worker> workers;
  std::string boot;
  std::string noMaster;                    // why there are no workers
  std::map<std::string, int> connections;  // established ones, by the kernel's "ADDRESS:PORT" in hexadecimal
};

struct Exchange {
  std::string bytes;
  std::string
      wanted;  // the beginning of the answer that means that it was done; empty: an answer without words; "*": any
};

// What the host script shall do, in this order; each part may be missing.
struct Change {
  enum class File { Keep, Write, Remove };
  File file = File::Keep;
  std::string expected;  // what the file has now; empty: it is not there
  std::string content;
  bool dropRecord = false;
  std::optional<Record> record;  // to be durable before the file changes
  std::string test;
  std::string reload;
  std::vector<Exchange> exchanges;
};

// How the host script's part of a change ended.
struct Answer {
  enum class End { Changed, Refused, Unfinished };
  End end = End::Unfinished;
  Status status;  // ok when Changed
  std::string tail;
  std::vector<std::string> replies;
};

struct HostArguments {
  std::string file;
  std::string record;
  std::string admin;
  std::string pidFile;
  std::uint64_t fence = 0;
  Duration patience{};  // for one answer of the proxy
};

// Where the record of a service lies: beside the file, or below the login user's home directory where there is none.
std::string recordPath(const TrafficSpec& spec);

// The host script, framed for transport::hostCommand().
const std::string& proxyScript();
std::string encodeLook(const HostArguments& host, const std::vector<std::string>& questions);
std::string encodeChange(const HostArguments& host, const Change& change);
std::string encodeRepair(const HostArguments& host);

// What the script printed. Invalid when it was not the script that printed it; else what it refused.
Result<Look> parseLook(std::string_view output);
Result<Answer> parseAnswer(std::string_view output);

}  // namespace slipway::traffic
