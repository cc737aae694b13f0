// Results: flat rows, printed as a table while they come and written as JSON at the end.
#ifndef NOISEGATE_PERF_REPORT_H_
#define NOISEGATE_PERF_REPORT_H_

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "perf/machine.h"

namespace noisegate::perf {

// One row, its fields in the order in which they were added. Text and whole numbers say what was
// measured, Measure() what came out; scripts/bench_compare.py tells them apart by their names.
class Row {
 public:
  Row& Text(std::string name, std::string_view value) { return Add(std::move(name), std::string(value), 0); }
  Row& Count(std::string name, double value) { return Add(std::move(name), value, 0); }
  Row& Measure(std::string name, double value, int digits = 1) {
    return Add(std::move(name), value, digits);
  }

  struct Field {
    std::string name;
    std::variant<std::string, double> value;
    int digits;  // behind the point
  };
  const std::vector<Field>& fields() const { return fields_; }
  const Field* Find(std::string_view name) const;
  // A number's value as it is printed; "" where there is no such field.
  std::string ToString(std::string_view name) const;

 private:
  Row& Add(std::string name, std::variant<std::string, double> value, int digits) {
    fields_.push_back({std::move(name), std::move(value), digits});
    return *this;
  }
  std::vector<Field> fields_;
};

class Report {
 public:
  explicit Report(Machine machine) : machine_(std::move(machine)) {}

  // A line for the reader.
  void Say(const std::string& text);
  // Prints the row as a line of the table, under a header where the fields are new.
  void Add(const Row& row);

  const Machine& machine() const { return machine_; }
  const std::vector<Row>& rows() const { return rows_; }
  // An array of flat objects, one a line, each with the machine.
  absl::Status WriteJson(const std::string& path) const;

 private:
  const Machine machine_;
  std::vector<Row> rows_;
  std::vector<std::string> columns_;  // of the last header
};

// `text` in quotes, escaped.
std::string JsonText(std::string_view text);
absl::Status WriteFile(const std::string& path, const std::string& text);

}  // namespace noisegate::perf

#endif  // NOISEGATE_PERF_REPORT_H_
