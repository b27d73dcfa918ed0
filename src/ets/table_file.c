/* SPDX-License-Identifier: Apache-2.0 */
/* Tables in files, in the form that Erlang's tab2file has: a log of terms (the halt form of its
 * disk_log), whose first is what info says of the table, then the objects, and perhaps a count and
 * an MD5 of all that came before. Layer 4.
 *
 *   log   01 02 03 04, then 63 58 4d 0b (closed) or 06 07 08 09 (not)
 *   item  size 32, 62 57 4c 41, from 65528 bytes on the MD5 of the four bytes of size, the term
 *
 * Terms of one object live only until the next (cop__heap_back). A new file gets its name when it
 * is whole. */
#include <coppice/etf.h>
#include <coppice/ets.h>
#include <coppice/file.h>

#include <stdio.h>
#include <string.h>

#include "base/heap.h"
#include "base/md5.h"
#include "base/scratch.h"
#include "base/thread.h"

enum {
    HEAD_SIZE = 8,
    ITEM_HEAD_SIZE = 8,
    BIG_ITEM_SIZE = 65528, /* its size has an MD5 */
    BUFFER_SIZE = 1 << 16,
    PAGE = 100, /* objects of one select */
    PATH_MAX_SIZE = 4096,
    MAJOR_VERSION = 1,
    MINOR_VERSION = 0
};
static const unsigned char magic_closed[] = { 1, 2, 3, 4, 99, 88, 77, 11 };
static const unsigned char magic_opened[] = { 1, 2, 3, 4, 6, 7, 8, 9 };
static const unsigned char magic_item[] = { 98, 87, 76, 65 };
static const unsigned char magic_old_item[] = { 12, 33, 44, 55 };

static cop_term text_of(cop_bytes path)
{
    char text[PATH_MAX_SIZE];

    snprintf(text, sizeof text, "%.*s", COP_STR(path));
    return cop_string(text);
}

static int fail(int error, cop_term *ret_reason, cop_term reason)
{
    if (ret_reason)
        *ret_reason = reason;
    return error;
}

static int file_failed(int error, cop_bytes path, cop_term *ret_reason)
{
    return fail(error, ret_reason,
        cop("{file_error, Path, Error}", text_of(path), cop_atom_new(cop_error_name(error))));
}

/* --- Writing ---------------------------------------------------------------------------------- */

struct writer {
    cop_file file;
    char *buffer;
    size_t used;
    int error;
    bool with_md5;
    struct cop__md5 md5;
};

static void flush(struct writer *writer)
{
    if (!writer->error && writer->used)
        writer->error = cop_file_put(writer->file, writer->buffer, writer->used);
    writer->used = 0;
}

static void put(struct writer *writer, const void *data, size_t size)
{
    if (size > BUFFER_SIZE - writer->used)
        flush(writer);
    if (size > BUFFER_SIZE) {
        if (!writer->error)
            writer->error = cop_file_put(writer->file, data, size);
        return;
    }
    memcpy(writer->buffer + writer->used, data, size);
    writer->used += size;
}

static void put_item(struct writer *writer, cop_term term)
{
    struct cop__heap *heap = cop__turn_heap();
    struct cop__heap_mark mark = cop__heap_mark(heap);
    unsigned char size[4], digest[COP__MD5_SIZE];
    cop_bytes bytes = { 0 };

    cop_must(cop_to_bytes(&bytes, cop_term_to_binary(term, .minor_version = 1)));
    if (bytes.size > UINT32_MAX)
        cop_exit(cop("system_limit"));
    for (unsigned i = 0; i < 4; i++)
        size[i] = (unsigned char)(bytes.size >> (24 - 8 * i));
    put(writer, size, sizeof size);
    put(writer, magic_item, sizeof magic_item);
    if (bytes.size >= BIG_ITEM_SIZE) {
        cop__md5(digest, size, sizeof size);
        put(writer, digest, sizeof digest);
    }
    put(writer, bytes.data, bytes.size);
    if (writer->with_md5)
        cop__md5_add(&writer->md5, bytes.data, bytes.size);
    cop__heap_back(heap, &mark);
}

struct dumping {
    struct writer writer;
    cop_term table, info;
    const struct cop_tab2file_options *options;
    enum cop_class class; /* of what was raised meanwhile */
    cop_term reason, stack;
};

static int64_t put_objects(struct dumping *dumping)
{
    struct cop__heap *heap = cop__turn_heap();
    struct cop__heap_mark mark = cop__heap_mark(heap);
    cop_term kept = COP_NONE,
             some = cop_ets_select_some(dumping->table, cop("[{'_', [], ['$_']}]"), PAGE);
    cop_term objects, object, continuation;
    int64_t count = 0;

    while (!dumping->writer.error && cop_match(some, "{Objects, C}", &objects, &continuation)) {
        for (; cop_list_next(&object, &objects); count++)
            put_item(&dumping->writer, object);
        cop_keep(&kept, continuation);
        cop__heap_back(heap, &mark);
        some = cop_ets_select_continue(kept);
    }
    cop_keep_clear(&kept);
    return count;
}

static void put_end(struct dumping *dumping, int64_t count)
{
    unsigned char digest[COP__MD5_SIZE];
    cop_term end = cop_nil();

    if (dumping->options->md5sum) {
        cop__md5_end(digest, &dumping->writer.md5);
        dumping->writer.with_md5 = false;
        end = cop_cons(cop("{md5, Digest}", cop_binary(digest, sizeof digest)), end);
    }
    if (dumping->options->object_count)
        end = cop_cons(cop("{count, Count}", count), end);
    if (cop_type_of(end) != COP_TYPE_NIL)
        put_item(&dumping->writer, cop("['$end_of_table', End]", end));
}

static cop_term header_of(const struct dumping *dumping)
{
    cop_term extended = cop_nil(), list, more, one;
    cop_term items[32];
    size_t count = 0;

    if (dumping->options->md5sum)
        extended = cop_cons(cop("md5sum"), extended);
    if (dumping->options->object_count)
        extended = cop_cons(cop("object_count"), extended);
    list = dumping->info;
    more = cop("[{major_version, Major}, {minor_version, Minor}, {extended_info, Extended}]",
        (int64_t)MAJOR_VERSION, (int64_t)MINOR_VERSION, extended);
    while (count < 32 && (cop_list_next(&one, &list) || cop_list_next(&one, &more)))
        items[count++] = one;
    return cop_tuple_from(items, count);
}

static void run_dump(void *arg)
{
    struct dumping *dumping = arg;

    put(&dumping->writer, magic_closed, sizeof magic_closed);
    cop__md5_begin(&dumping->writer.md5);
    put_item(&dumping->writer, header_of(dumping));
    put_end(dumping, put_objects(dumping));
    flush(&dumping->writer);
    if (!dumping->writer.error && dumping->options->sync)
        dumping->writer.error = cop_file_sync(dumping->writer.file);
}

/* Into the file of this name. */
static int dump(struct dumping *dumping, cop_bytes name)
{
    int error = cop_file_open(
        &dumping->writer.file, name, COP_FILE_WRITE | COP_FILE_CREATE | COP_FILE_TRUNCATE);

    if (error < 0)
        return error;
    dumping->writer.buffer = cop__scratch_new(BUFFER_SIZE, "writing a table");
    dumping->writer.with_md5 = dumping->options->md5sum;
    dumping->class = cop_try(run_dump, dumping, &dumping->reason, &dumping->stack);
    cop__scratch_free(dumping->writer.buffer);
    cop_file_close(dumping->writer.file);
    return dumping->class == COP_CLASS_NONE ? dumping->writer.error : -ECANCELED;
}

static void run_let_go(void *table)
{
    cop_ets_safe_fixtable(*(cop_term *)table, false);
}

int cop_ets_tab2file_with(cop_term table, cop_bytes path,
    const struct cop_tab2file_options *options, cop_term *ret_reason)
{
    static const struct cop_tab2file_options none;
    struct dumping dumping = {
        .table = table,
        .info = cop_ets_info(table),
        .options = options ? options : &none,
    };
    char text[PATH_MAX_SIZE];
    cop_bytes name = { text, path.size + 4 };
    int error;

    if (cop_match(dumping.info, "undefined"))
        return fail(-COP_ENOTFOUND, ret_reason, cop("badtab"));
    if (name.size >= sizeof text)
        return file_failed(-ENAMETOOLONG, path, ret_reason);
    memcpy(text, path.data, path.size);
    memcpy(text + path.size, ".new", 4);
    cop_ets_safe_fixtable(table, true); /* or badarg */
    error = dump(&dumping, name);
    cop_try(run_let_go, &table, NULL, NULL); /* it may have ended meanwhile */
    if (error == 0)
        error = cop_file_rename(name, path);
    if (error == 0)
        return 0;
    cop_file_delete(name);
    if (dumping.class != COP_CLASS_NONE)
        cop_raise(dumping.class, dumping.reason, dumping.stack);
    return file_failed(error, path, ret_reason);
}

/* --- Reading ---------------------------------------------------------------------------------- */

struct reader {
    cop_file file;
    char *buffer;
    size_t room, used, at; /* what has been read of the file, and how far it has been looked at */
    int64_t left;          /* of the file, not read yet */
    int error;             /* of the system */
    const struct cop_file2tab_options *options;
};

/* There are `size` bytes from `at` on. */
static bool has(struct reader *reader, size_t size)
{
    if (reader->used - reader->at >= size)
        return true;
    if ((int64_t)(size - (reader->used - reader->at)) > reader->left)
        return false;
    memmove(reader->buffer, reader->buffer + reader->at, reader->used - reader->at);
    reader->used -= reader->at;
    reader->at = 0;
    if (reader->room < size) {
        reader->buffer = cop__scratch_resize(reader->buffer, size, "reading a table");
        reader->room = size;
    }
    while (reader->used < size) {
        int64_t count =
            cop_file_get(reader->file, reader->buffer + reader->used, reader->room - reader->used);

        if (count <= 0) {
            reader->error = (int)count;
            return false;
        }
        reader->used += (size_t)count;
        reader->left -= count;
    }
    return true;
}

static const unsigned char *look(const struct reader *reader, size_t offset)
{
    return (const unsigned char *)reader->buffer + reader->at + offset;
}

enum item { ITEM_TERM, ITEM_END, ITEM_BAD };

/* The next term, and its bytes, which live until the next look. */
static enum item take_item(struct reader *reader, cop_term *ret_term, cop_bytes *ret_bytes)
{
    unsigned char digest[COP__MD5_SIZE];
    size_t head = ITEM_HEAD_SIZE, size = 0;
    bool is_new;

    if (reader->used == reader->at && reader->left == 0)
        return ITEM_END;
    if (!has(reader, ITEM_HEAD_SIZE))
        return ITEM_BAD;
    for (size_t i = 0; i < 4; i++)
        size = size << 8 | *look(reader, i);
    is_new = memcmp(look(reader, 4), magic_item, sizeof magic_item) == 0;
    if (!is_new && memcmp(look(reader, 4), magic_old_item, sizeof magic_old_item) != 0)
        return ITEM_BAD;
    if (is_new && size >= BIG_ITEM_SIZE)
        head += sizeof digest;
    if (!has(reader, head))
        return ITEM_BAD;
    if (head > ITEM_HEAD_SIZE) {
        cop__md5(digest, look(reader, 0), 4);
        if (memcmp(digest, look(reader, ITEM_HEAD_SIZE), sizeof digest) != 0)
            return ITEM_BAD;
    }
    if (!has(reader, head + size))
        return ITEM_BAD;
    *ret_bytes = (cop_bytes){ (const char *)look(reader, head), size };
    reader->at += head + size;
    return cop_binary_to_term(
               ret_term, *ret_bytes, .safe = reader->options->safe, .integer_max = size) == 0
               ? ITEM_TERM
               : ITEM_BAD;
}

static void close_log(struct reader *reader)
{
    cop__scratch_free(reader->buffer);
    cop_file_close(reader->file);
}

static int read_failed(int error, cop_bytes path, cop_term *ret_reason)
{
    cop_term reason = COP_NONE;

    file_failed(error, path, &reason);
    return fail(error, ret_reason, cop("{read_error, Reason}", reason));
}

static int open_log(struct reader *reader, cop_bytes path, cop_term *ret_reason)
{
    int error = cop_file_open(&reader->file, path, COP_FILE_READ);
    bool is_log;

    if (error < 0)
        return read_failed(error, path, ret_reason);
    reader->left = cop_file_size(reader->file);
    reader->buffer = cop__scratch_new(BUFFER_SIZE, "reading a table");
    reader->room = BUFFER_SIZE;
    is_log = has(reader, HEAD_SIZE) && (memcmp(look(reader, 0), magic_closed, HEAD_SIZE) == 0 ||
                                           memcmp(look(reader, 0), magic_opened, HEAD_SIZE) == 0);
    reader->at = HEAD_SIZE;
    if (is_log)
        return 0;
    close_log(reader);
    if (reader->error < 0)
        return read_failed(reader->error, path, ret_reason);
    return fail(
        -COP_ESYNTAX, ret_reason, cop("{read_error, {not_a_log_file, Path}}", text_of(path)));
}

struct header {
    cop_term name, type, protection, extended; /* atoms, and a list */
    bool named, compressed, read_concurrency, write_concurrency, has_named;
    int64_t key_position, size, major, minor;
};

/* {Item, Value} of the first term; what is of another form counts as not there. */
static void take_field(struct header *header, cop_term field)
{
    cop_term value;
    cop_atom atom;

    if (cop_match(field, "{name, V}", &value) && cop_to_atom(&atom, value))
        header->name = value;
    else if (cop_match(field, "{type, V}", &value))
        header->type = value;
    else if (cop_match(field, "{protection, V}", &value))
        header->protection = value;
    else if (cop_match(field, "{named_table, V}", &value))
        header->has_named = cop_to_bool(&header->named, value);
    else if (cop_match(field, "{extended_info, V}", &value))
        header->extended = value;
    else if (cop_match(field, "{write_concurrency, V}", &value))
        header->write_concurrency = !cop_match(value, "false");
    else if (!cop_match(field, "{keypos, N}", &header->key_position) &&
             !cop_match(field, "{size, N}", &header->size) &&
             !cop_match(field, "{major_version, N}", &header->major) &&
             !cop_match(field, "{minor_version, N}", &header->minor) &&
             cop_match(field, "{compressed, true}"))
        header->compressed = true;
}

static bool take_header(struct reader *reader, struct header *header, struct cop__md5 *md5)
{
    cop_bytes bytes;
    cop_term term;

    *header = (struct header){ .extended = cop_nil(), .size = -1 };
    if (take_item(reader, &term, &bytes) != ITEM_TERM || cop_type_of(term) != COP_TYPE_TUPLE)
        return false;
    cop__md5_begin(md5);
    cop__md5_add(md5, bytes.data, bytes.size);
    for (size_t i = 0; i < cop_tuple_size(term); i++)
        take_field(header, cop_tuple_at(term, i));
    return !cop_is_none(header->name) && !cop_is_none(header->type) &&
           !cop_is_none(header->protection) && header->has_named && header->key_position > 0 &&
           header->size >= 0;
}

/* --- The table of a file ---------------------------------------------------------------------- */

struct loading {
    struct reader reader;
    struct header header;
    struct cop__md5 md5;
    cop_term table;
    bool made;
    int64_t count;
    cop_term end; /* kept; of the last item, or none */
    const char *wrong;
};

static int index_of(cop_term atom, const char *const *names, int count)
{
    for (int i = 0; i < count; i++)
        if (cop_identical(atom, cop_from_atom(cop_atom_new(names[i]))))
            return i;
    return -1;
}

static void run_new(void *arg)
{
    static const char *const types[] = { "set", "ordered_set", "bag", "duplicate_bag" };
    static const char *const rights[] = { "protected", "public", "private" };
    struct loading *loading = arg;
    const struct header *header = &loading->header;
    int type = index_of(header->type, types, 4), access = index_of(header->protection, rights, 3);
    cop_atom name = { 0 };

    cop_must(cop_to_atom(&name, header->name));
    if (type < 0 || access < 0 || header->key_position > INT32_MAX)
        cop_error(cop("badarg"));
    loading->table = cop_ets_new(cop_atom_text(name).data, .type = (enum cop_table_type)type,
        .access = (enum cop_table_access)access, .named = header->named,
        .key_position = (int)header->key_position, .compressed = header->compressed,
        .write_concurrency = header->write_concurrency);
    loading->made = true;
}

static void load_objects(struct loading *loading)
{
    struct cop__heap *heap = cop__turn_heap();
    bool verify = loading->reader.options->verify;
    cop_term term, end;
    cop_bytes bytes;
    enum item item;

    for (;; loading->count++) {
        struct cop__heap_mark mark = cop__heap_mark(heap);

        item = take_item(&loading->reader, &term, &bytes);
        if (item != ITEM_TERM)
            break;
        if (cop_match(term, "['$end_of_table', End]", &end)) {
            cop_keep(&loading->end, end);
            item = loading->reader.used == loading->reader.at && !loading->reader.left ? ITEM_END
                                                                                       : ITEM_BAD;
            break;
        }
        if (cop_tuple_size(term) < (size_t)loading->header.key_position) {
            item = ITEM_BAD;
            break;
        }
        cop_ets_insert(loading->table, term);
        if (verify)
            cop__md5_add(&loading->md5, bytes.data, bytes.size);
        cop__heap_back(heap, &mark);
        if (loading->count % PAGE == 0)
            cop_yield();
    }
    if (item == ITEM_BAD && verify)
        loading->wrong = "badfile";
}

static bool has_option(const struct loading *loading, const char *name)
{
    return cop_list_member(cop_from_atom(cop_atom_new(name)), loading->header.extended);
}

/* What the file says of itself, compared with what was in it. */
static const char *verified(struct loading *loading)
{
    bool with_md5 = has_option(loading, "md5sum"), with_count = has_option(loading, "object_count");
    unsigned char digest[COP__MD5_SIZE];
    cop_term end = loading->end, one, value;
    int64_t count = loading->header.size;
    cop_bytes md5 = { 0 };

    if (cop_is_none(end) && (with_md5 || with_count))
        return "badfile";
    while (!cop_is_none(end) && cop_list_next(&one, &end)) {
        if (cop_match(one, "{md5, V}", &value))
            cop_to_bytes(&md5, value);
        else if (with_count)
            cop_match(one, "{count, N}", &count);
    }
    cop__md5_end(digest, &loading->md5);
    if (with_md5 && (md5.size != sizeof digest || memcmp(md5.data, digest, sizeof digest) != 0))
        return "checksum_error";
    return loading->count == count ? NULL : "invalid_object_count";
}

static void run_load(void *arg)
{
    struct loading *loading = arg;
    const struct cop_file2tab_options *options = loading->reader.options;
    cop_term key_position;

    if (!take_header(&loading->reader, &loading->header, &loading->md5)) {
        loading->wrong = "badfile";
        return;
    }
    if (loading->header.major > MAJOR_VERSION) {
        loading->wrong = "unsupported_file_version";
        return;
    }
    loading->table = options->table;
    if (cop_is_none(options->table)) {
        if (cop_try(run_new, loading, NULL, NULL) != COP_CLASS_NONE) {
            loading->wrong = "cannot_create_table";
            return;
        }
    } else {
        key_position = cop_ets_info_item(options->table, cop("keypos"));
        if (!cop_to_int(&loading->header.key_position, key_position))
            cop_error(cop("badarg"));
    }
    load_objects(loading);
    if (!loading->wrong && options->verify)
        loading->wrong = verified(loading);
}

int cop_ets_file2tab_with(cop_term *ret_table, cop_bytes path,
    const struct cop_file2tab_options *options, cop_term *ret_reason)
{
    static const struct cop_file2tab_options none;
    struct loading loading = { .reader = { .options = options ? options : &none } };
    cop_term reason = COP_NONE, stack = COP_NONE;
    enum cop_class class;
    int error = open_log(&loading.reader, path, ret_reason);

    if (error < 0)
        return error;
    class = cop_try(run_load, &loading, &reason, &stack);
    cop_keep_clear(&loading.end);
    close_log(&loading.reader);
    if ((class != COP_CLASS_NONE || loading.wrong || loading.reader.error < 0) && loading.made)
        cop_ets_delete_table(loading.table);
    if (class != COP_CLASS_NONE)
        cop_raise(class, reason, stack);
    if (loading.reader.error < 0)
        return read_failed(loading.reader.error, path, ret_reason);
    if (loading.wrong)
        return fail(-COP_ESYNTAX, ret_reason, cop_from_atom(cop_atom_new(loading.wrong)));
    *ret_table = loading.table;
    return 0;
}

int cop_ets_tabfile_info(cop_term *ret_info, cop_bytes path, cop_term *ret_reason)
{
    static const struct cop_file2tab_options none;
    struct reader reader = { .options = &none };
    struct header header;
    struct cop__md5 md5;
    int error = open_log(&reader, path, ret_reason);
    bool fine;

    if (error < 0)
        return error;
    fine = take_header(&reader, &header, &md5);
    close_log(&reader);
    if (!fine)
        return fail(-COP_ESYNTAX, ret_reason, cop("badfile"));
    *ret_info = cop("[{name, Name}, {type, Type}, {protection, Protection}, {named_table, Named},"
                    " {keypos, Position}, {size, Size}, {extended_info, Extended},"
                    " {version, {Major, Minor}}]",
        header.name, header.type, header.protection, cop_bool(header.named), header.key_position,
        header.size, header.extended, header.major, header.minor);
    return 0;
}
