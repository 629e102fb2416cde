#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "reconciler/api/release.h"
#include "reconciler/api/server.h"
#include "reconciler/base/status.h"

namespace slipway::planner {

// "1.5", "250m": thousandths of a processor. Invalid for anything else.
Result<std::int64_t> parseCpu(std::string_view text);
// "512M", "1.5Gi", "1048576": bytes. K, M, G, T count in thousands, Ki, Mi, Gi, Ti in 1024s. Invalid for anything else.
Result<std::int64_t> parseBytes(std::string_view text);
std::string cpuText(std::int64_t milli);
std::string bytesText(std::int64_t bytes);

struct Resources {
  std::int64_t cpuMilli = 1000;
  std::int64_t memory = 512'000'000;
  std::int64_t disk = 1'000'000'000;
  bool operator==(const Resources&) const = default;
};

// What a strategy takes of one server while it goes on, for an application that needs `base`.
struct Estimate {
  Resources needs;
  int instances = 1;
  std::string factor;  // "x1.2, disk x1.5"
};
Estimate estimate(StrategyType type, const Resources& base);

// As which type a strategy counts there: with groups of servers each of them runs one instance.
StrategyType takesRoomAs(const slipway::Strategy& strategy);

// Every resource of which there is too little, each with both numbers; empty: it fits.
std::vector<std::string> shortages(const Resources& needs, const Resources& available);

// Reads all three; Invalid names every one that is no amount, after `path`: "spec.resources.cpu: …; …".
Result<Resources> readResources(const ResourceNeeds& needs, std::string_view path);

// What a server was seen to have. What it did not say is not compared.
struct ServerRoom {
  std::string server;
  Resources has;
};
ServerRoom roomOf(const std::string& server, const ServerCapacity& capacity);

// Whether the strategy fits on the servers.
struct RoomVerdict {
  std::vector<std::string> errors;  // "web1: memory: needs 1G, there is 600M"; every shortage of every server
  std::string recommendation;       // what to do about them; empty without
};
RoomVerdict judgeRoom(StrategyType type, const Resources& base, const std::vector<ServerRoom>& servers);

// A strategy as `slipway strategies` lists it.
struct StrategyCard {
  StrategyType type;
  std::string summary;
  std::string needs;                  // what of the spec it cannot do without
  std::vector<std::string> settings;  // "rolling.batchSize"
  bool rollsBack = true;
};
std::vector<StrategyCard> strategyCards();

}  // namespace slipway::planner
