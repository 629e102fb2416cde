#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "reconciler/base/clock.h"
#include "reconciler/base/json.h"

namespace slipway {

// Reads the members of one JSON object into fields, remembers the first thing that is wrong, and leaves a field alone
// when its member is missing: its initial value is the default.
class FieldReader {
 public:
  // `json` may be nullptr: then every member is missing. `path` is for messages.
  FieldReader(const Json* json, std::string path) : json_(json), path_(std::move(path)) {}

  void read(std::string_view name, std::string& out);
  void read(std::string_view name, bool& out);
  void read(std::string_view name, int& out);
  void read(std::string_view name, std::int64_t& out);
  void read(std::string_view name, std::uint64_t& out);
  void read(std::string_view name, Duration& out);  // "30s"
  void read(std::string_view name, std::vector<std::string>& out);
  void read(std::string_view name, std::map<std::string, std::string>& out);
  // One of the names, in the order of the enum's values.
  template <typename Enum>
  void readEnum(std::string_view name, std::initializer_list<std::string_view> names, Enum& out) {
    int index = static_cast<int>(out);
    readName(name, names, index);
    out = static_cast<Enum>(index);
  }

  // The member as an object, for a nested reader; nullptr when missing.
  const Json* child(std::string_view name) const { return json_ == nullptr ? nullptr : json_->find(name); }
  std::string pathOf(std::string_view name) const;
  // Takes over what a nested reader found wrong.
  void merge(const FieldReader& nested);
  void fail(std::string_view name, std::string_view problem);
  Status status() const { return status_; }

 private:
  void readName(std::string_view name, std::initializer_list<std::string_view> names, int& index);

  const Json* json_;
  std::string path_;
  Status status_;
};

// Writers: set the member unless it has its zero value.
void putText(Json& out, std::string_view name, const std::string& value);
void putList(Json& out, std::string_view name, const std::vector<std::string>& values);
void putMap(Json& out, std::string_view name, const std::map<std::string, std::string>& values);
void putObject(Json& out, std::string_view name, Json value);  // unless null or empty

}  // namespace slipway
