// A table for the terminal: columns as wide as their widest cell, numbers to the right; and how
// numbers, bytes and times are written in one.
#ifndef NOISEGATE_CONTROLPLANE_COMMANDS_TABLE_H_
#define NOISEGATE_CONTROLPLANE_COMMANDS_TABLE_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace noisegate::commands {

class Table {
 public:
  // A heading that begins with '>' is of a column of numbers.
  explicit Table(std::vector<std::string> headings);
  void Add(std::vector<std::string> row);  // as many cells as headings
  bool empty() const { return rows_.empty(); }
  std::string ToString() const;  // with line ends

 private:
  std::vector<std::string> headings_;
  std::vector<bool> right_;
  std::vector<std::vector<std::string>> rows_;
};

std::string CountText(double count);       // "999", "12.3 k", "4.56 M"
std::string BytesText(double bytes);       // "999 B", "12.3 KiB"
std::string SecondsText(double seconds);   // "0.8 s", "42 s", "3 m 20 s", "5 h 2 m", "4 d 1 h"
std::string PercentText(double fraction);  // "12.3 %"

}  // namespace noisegate::commands

#endif  // NOISEGATE_CONTROLPLANE_COMMANDS_TABLE_H_
