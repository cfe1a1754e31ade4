#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""
check_ntfs.py IMAGE [--crashed] - what e2fsck is for ext: reads all structure of an NTFS file system, with no line of code in
common with the driver or with libntfs-3g, and prints what contradicts what. Exit status 1 if anything does.

Without --crashed the volume must also have been closed properly: not marked as dirty, nothing in $LogFile.
"""
import struct
import sys

IN_USE, IS_DIR = 1, 2
FILE_NAME, DATA, INDEX_ROOT, INDEX_ALLOCATION, BITMAP = 0x30, 0x80, 0x90, 0xA0, 0xB0
ATTRIBUTE_LIST, VOLUME_INFORMATION = 0x20, 0x70
DOS = 2
FIRST_USER = 24


class Attribute:
    """One attribute of a file; pieces of its runs may come from several records."""

    def __init__(self, volume, kind, name):
        self.volume, self.kind, self.name = volume, kind, name
        self.resident, self.value, self.runs = True, b"", []
        self.size = self.allocated = 0

    def read(self):
        if self.resident:
            return self.value
        data = bytearray()
        for start, length in self.runs:
            if start is None:
                data += bytes(length * self.volume.cluster)
            else:
                data += self.volume.bytes(start * self.volume.cluster, length * self.volume.cluster)
        return bytes(data[: self.size])


class Record:
    def __init__(self, number, data):
        self.number, self.data = number, data
        self.sequence, self.links, self.first, self.flags, self.used = struct.unpack_from("<HHHHI", data, 16)
        self.base = struct.unpack_from("<Q", data, 32)[0]
        self.reference = self.sequence << 48 | number


class Volume:
    def __init__(self, path):
        self.findings = []
        with open(path, "rb") as file:
            self.image = file.read()
        sector, sectors = struct.unpack_from("<HB", self.image, 11)
        total, mft, mirror, size = struct.unpack_from("<QQQb", self.image, 40)
        self.sector = sector
        self.cluster = sector * (sectors if sectors <= 128 else 1 << (256 - sectors))
        self.clusters = total * sector // self.cluster
        self.record_size = size * self.cluster if size > 0 else 1 << -size
        self.mft_offset, self.mirror_offset = mft * self.cluster, mirror * self.cluster
        self.used = bytearray(self.clusters)

    def say(self, text, *values):
        self.findings.append(text % values)

    def bytes(self, offset, size):
        return self.image[offset : offset + size]

    def unprotect(self, data, what):
        """Puts back the ends of sectors; None when they do not fit: a torn write."""
        array, count = struct.unpack_from("<HH", data, 4)
        data = bytearray(data)
        stamp = data[array : array + 2]
        for i in range(1, count):
            if data[i * 512 - 2 : i * 512] != stamp:
                self.say("%s is torn in sector %d", what, i - 1)
                return None
            data[i * 512 - 2 : i * 512] = data[array + 2 * i : array + 2 * i + 2]
        return bytes(data)

    # ---- Records and attributes ----

    def parts(self, record):
        """(kind, name, whole attribute) of one record."""
        at = record.first
        while True:
            kind = struct.unpack_from("<I", record.data, at)[0]
            if kind == 0xFFFFFFFF:
                if at + 8 != record.used:
                    self.say("record %d: %d bytes used, not %d", record.number, record.used, at + 8)
                return
            length, _, name_length, name_at = struct.unpack_from("<IBBH", record.data, at + 4)
            if length < 24 or at + length > record.used:
                self.say("record %d: an attribute of %d bytes at %d", record.number, length, at)
                return
            data = record.data[at : at + length]
            yield kind, data[name_at : name_at + 2 * name_length].decode("utf-16-le", "surrogatepass"), data
            at += length

    def runs(self, data, what):
        at, cluster, vcn = struct.unpack_from("<H", data, 32)[0], 0, struct.unpack_from("<Q", data, 16)[0]
        runs = []
        while data[at]:
            low, high = data[at] & 15, data[at] >> 4
            length = int.from_bytes(data[at + 1 : at + 1 + low], "little", signed=True)
            step = int.from_bytes(data[at + 1 + low : at + 1 + low + high], "little", signed=True)
            cluster += step
            runs.append((cluster if high else None, length))
            if high and not (0 <= cluster and cluster + length <= self.clusters):
                self.say("%s: run %d+%d is outside", what, cluster, length)
                return []
            vcn += length
            at += 1 + low + high
        last = struct.unpack_from("<q", data, 24)[0]
        if vcn != last + 1:
            self.say("%s: its runs end at %d, not %d", what, vcn - 1, last)
        return runs

    def claim(self, runs, what):
        for start, length in runs:
            if start is None:
                continue
            for cluster in range(start, start + length):
                if self.used[cluster]:
                    self.say("%s: cluster %d has another owner too", what, cluster)
                self.used[cluster] = 1

    def attributes(self, record, records):
        """All attributes of a file, from its base record and those that the base names."""
        found, pieces = {}, [record]
        listed = [data for kind, _, data in self.parts(record) if kind == ATTRIBUTE_LIST]
        if listed:
            self.pieces_of(record, listed[0], records, pieces)
        for piece in pieces:
            for kind, name, data in self.parts(piece):
                if kind == ATTRIBUTE_LIST and piece is record and data[8]:
                    self.claim(self.runs(data, "attribute list of %d" % record.number), "attribute list")
                if kind == FILE_NAME:
                    found.setdefault((kind, len(found)), data[struct.unpack_from("<H", data, 20)[0] :])
                elif kind != ATTRIBUTE_LIST:
                    self.add(found.setdefault((kind, name), Attribute(self, kind, name)), data, record.number)
        return found

    def pieces_of(self, record, data, records, pieces):
        what = "attribute list of %d" % record.number
        if data[8]:
            size = struct.unpack_from("<Q", data, 48)[0]
            content = b"".join(self.bytes(s * self.cluster, n * self.cluster) for s, n in self.runs(data, what))[:size]
        else:
            size, at = struct.unpack_from("<IH", data, 16)
            content = data[at : at + size]
        at, seen = 0, {record.number}
        while at + 26 <= len(content):
            length = struct.unpack_from("<H", content, at + 4)[0]
            reference = struct.unpack_from("<Q", content, at + 16)[0]
            number = reference & 0xFFFFFFFFFFFF
            other = records.get(number)
            if other is None or other.reference != reference:
                self.say("%s: record %d is not what it says", what, number)
            elif number not in seen:
                if other.base != record.reference:
                    self.say("record %d belongs to %#x, and %d lists it", number, other.base, record.number)
                seen.add(number)
                self.extensions.add(number)
                pieces.append(other)
            at += max(length, 26)

    def add(self, attribute, data, number):
        what = "record %d, attribute %#x '%s'" % (number, attribute.kind, attribute.name)
        if not data[8]:
            size, at = struct.unpack_from("<IH", data, 16)
            attribute.value, attribute.size = data[at : at + size], size
            return
        attribute.resident = False
        first = struct.unpack_from("<Q", data, 16)[0]
        if first == 0:
            attribute.allocated, attribute.size, initialized = struct.unpack_from("<QQQ", data, 40)
            if attribute.size > attribute.allocated or initialized > attribute.size:
                self.say("%s: sizes %d, %d, %d", what, attribute.allocated, attribute.size, initialized)
        if first != sum(length for _, length in attribute.runs):
            self.say("%s: a piece begins at %d", what, first)
        runs = self.runs(data, what)
        attribute.runs += runs
        self.claim(runs, what)

    # ---- Directories ----

    def entries(self, data, at, blocks, what):
        """In order, with the names below each entry before it."""
        at += struct.unpack_from("<I", data, at)[0]
        while True:
            reference, length, key, flags = struct.unpack_from("<QHHH", data, at)
            if length < 16 or at + length > len(data):
                self.say("%s: an entry of %d bytes", what, length)
                return
            if flags & 1:
                vcn = struct.unpack_from("<Q", data, at + length - 8)[0]
                if vcn not in blocks:
                    self.say("%s: block %d is not there", what, vcn)
                else:
                    block = blocks.pop(vcn)
                    yield from self.entries(block, 24, blocks, what)
            if flags & 2:
                return
            yield reference, data[at + 16 : at + 16 + key]
            at += length

    def names(self, record, found):
        what = "directory %d" % record.number
        root = found.get((INDEX_ROOT, "$I30"))
        if root is None:
            self.say("%s has no index", what)
            return
        value = root.read()
        size = struct.unpack_from("<I", value, 8)[0]
        blocks = {}
        allocation, bits = found.get((INDEX_ALLOCATION, "$I30")), found.get((BITMAP, "$I30"))
        if allocation is not None:
            data, bits = allocation.read(), bits.read()
            unit = self.cluster if self.cluster <= size else 512
            for i in range(len(data) // size):
                if bits[i // 8] >> i % 8 & 1:
                    block = data[i * size : (i + 1) * size]
                    block = self.unprotect(block, "%s, block %d" % (what, i)) if block[:4] == b"INDX" else None
                    if block is None:
                        self.say("%s: block %d is none", what, i)
                        continue
                    blocks[i * size // unit] = block
        last = None
        for reference, name in self.entries(value, 16, blocks, what):
            key = self.collation(name)
            if last is not None and not last < key:
                self.say("%s: '%s' is out of order", what, self.text(name))
            last = key
            yield reference, name
        for vcn in blocks:
            self.say("%s: nothing leads to block %d", what, vcn)

    def collation(self, name):
        text = struct.unpack_from("<%dH" % name[64], name, 66)
        return [self.upcase[c] for c in text], list(text)

    @staticmethod
    def text(name):
        return name[66 : 66 + 2 * name[64]].decode("utf-16-le", "replace")

    # ---- The whole ----

    def load(self):
        record = Record(0, self.unprotect(self.bytes(self.mft_offset, self.record_size), "$MFT"))
        attribute = Attribute(self, DATA, "")
        self.extensions = set()
        # Pieces of $MFT that other records describe are found with the pieces that are already known.
        records = {}
        for kind, name, data in self.parts(record):
            if kind == DATA and not name:
                attribute.resident = False
                attribute.size = struct.unpack_from("<Q", data, 48)[0]
                attribute.runs = self.runs(data, "$MFT")
        table = attribute.read()
        if len(table) < attribute.size:
            self.say("$MFT has more pieces than this program reads")
        for number in range(len(table) // self.record_size):
            data = table[number * self.record_size : (number + 1) * self.record_size]
            if data[:4] != b"FILE" or not struct.unpack_from("<H", data, 22)[0] & IN_USE:
                continue
            data = self.unprotect(data, "record %d" % number)
            if data is not None:
                records[number] = Record(number, data)
        return records

    def check(self, crashed):
        records = self.load()
        files = {n: self.attributes(r, records) for n, r in sorted(records.items()) if r.base == 0}
        self.upcase = struct.unpack("<65536H", files[10][(DATA, "")].read())
        for number, record in records.items():
            if record.base and number not in self.extensions:
                self.say("record %d belongs to nobody", number)
        self.check_bitmaps(records, files)
        self.check_mirror()
        self.check_names(records, files)
        if not crashed:
            if struct.unpack_from("<H", files[3][(VOLUME_INFORMATION, "")].read(), 10)[0] & 1:
                self.say("the volume is marked as dirty")
            if files[2][(DATA, "")].read().strip(b"\xff"):
                self.say("$LogFile is not empty")
        return len(files)

    def check_bitmaps(self, records, files):
        bits = files[6][(DATA, "")].read()
        for cluster in range(self.clusters):
            if (bits[cluster // 8] >> cluster % 8 & 1) != self.used[cluster]:
                self.say("cluster %d is %s", cluster, "used and not marked" if self.used[cluster] else "marked and not used")
        bits = files[0][(BITMAP, "")].read()
        for number in range(FIRST_USER, len(bits) * 8):
            if (bits[number // 8] >> number % 8 & 1) != (number in records):
                self.say("record %d is %s", number, "used and not marked" if number in records else "marked and not used")

    def check_mirror(self):
        size = 4 * self.record_size
        if self.bytes(self.mft_offset, size) != self.bytes(self.mirror_offset, size):
            self.say("$MFTMirr differs")

    def check_names(self, records, files):
        wanted = {}
        for number, found in files.items():
            names = [value for (kind, _), value in found.items() if kind == FILE_NAME]
            if len(names) != records[number].links and number >= FIRST_USER:
                self.say("record %d has %d names and says %d", number, len(names), records[number].links)
            for name in names:
                wanted[(records[number].reference, name[:8], name[65], self.text(name))] = found
        for number, found in files.items():
            if not records[number].flags & IS_DIR:
                continue
            for reference, name in self.names(records[number], found):
                key = (reference, name[:8], name[65], self.text(name))
                if struct.unpack_from("<Q", name)[0] != records[number].reference or key not in wanted:
                    self.say("directory %d: '%s' is not record %#x", number, self.text(name), reference)
                    continue
                self.check_size(name, wanted.pop(key), reference)
        for reference, parent, _, text in wanted:
            self.say("record %#x: '%s' is not in %#x", reference, text, struct.unpack("<Q", parent)[0])

    def check_size(self, name, found, reference):
        data = found.get((DATA, ""))
        size = struct.unpack_from("<Q", name, 48)[0]
        if data is not None and reference & 0xFFFFFFFFFFFF >= FIRST_USER and size != data.size:
            self.say("'%s': its directory says %d bytes, not %d", self.text(name), size, data.size)


def main():
    volume = Volume(sys.argv[1])
    try:
        count = volume.check("--crashed" in sys.argv[2:])
    except (KeyError, IndexError, ValueError, struct.error, TypeError, AttributeError) as error:
        volume.say("no sense in it: %r", error)
        count = 0
    for finding in volume.findings[:30]:
        print(finding)
    print("%d files, %d findings" % (count, len(volume.findings)))
    sys.exit(1 if volume.findings else 0)


main()
