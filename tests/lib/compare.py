# SPDX-License-Identifier: GPL-3.0-or-later
"""Compares two databases, or a database with what it was; and two trees, in content and in all
metadata. What is compared is first described as plain data, so that it can be kept while the
original is wrecked; differences come as a list of sentences, empty where there are none."""

import difflib
import hashlib
import os
import re
import stat
import subprocess

# databases

TABLES = """
SELECT c.oid, format ('%I.%I', n.nspname, c.relname), c.relkind, c.relispopulated
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind IN ('r', 'm', 'S') AND n.nspname NOT LIKE 'pg\\_%'
   AND n.nspname <> 'information_schema' ORDER BY 2"""

FACTS = """
SELECT pg_get_userbyid (d.datdba) AS owner, pg_encoding_to_char (d.encoding) AS encoding,
       d.datcollate, d.datctype, d.datlocprovider::text, d.datconnlimit, d.datallowconn,
       d.datistemplate, (SELECT array_agg (a::text ORDER BY a::text) FROM unnest (d.datacl) AS a) AS acl,
       shobj_description (d.oid, 'pg_database') AS comment,
       (SELECT array_agg (x) FROM (SELECT coalesce (r.rolname, '') || ': ' || s.setconfig::text AS x
          FROM pg_db_role_setting s LEFT JOIN pg_roles r ON r.oid = s.setrole
         WHERE s.setdatabase = d.oid ORDER BY 1) AS y) AS settings,
       (SELECT array_agg (extname || ' ' || extversion || ' of ' || pg_get_userbyid (extowner)
                          ORDER BY extname) FROM pg_extension) AS extensions,
       (SELECT count(*) FROM pg_index WHERE NOT indisvalid) AS invalid_indexes,
       (SELECT count(*) FROM pg_constraint WHERE NOT convalidated) AS unvalidated_constraints
  FROM pg_database d WHERE d.datname = current_database ()"""

LARGE_OBJECTS = """
SELECT oid::text || ' of ' || pg_get_userbyid (lomowner) || ' ' || coalesce (lomacl::text, '')
       || ' ' || coalesce (obj_description (oid, 'pg_largeobject'), '')
       || ' ' || md5 (lo_get (oid)) FROM pg_largeobject_metadata ORDER BY oid"""


def schema_text(server, database):
    """The schema as pg_dump writes it, without what differs from run to run."""
    done = subprocess.run(["/usr/lib/postgresql/15/bin/pg_dump", "--schema-only", database],
                          env=server.environment(), capture_output=True, text=True, check=True)
    return re.sub(r"^\\(un)?restrict .*\n", "", done.stdout, flags=re.MULTILINE)


def table_checksum(cursor, name, kind, populated):
    """Depends on the rows, not on their order."""
    if kind == "S":
        cursor.execute(f"SELECT last_value, is_called FROM {name}")
        return tuple(cursor.fetchone())
    if not populated:
        return "not populated"
    cursor.execute(f"SELECT count(*), sum (('x' || left (md5 (t::text), 15))::bit(60)::bigint),"
                   f" sum (('x' || right (md5 (t::text), 15))::bit(60)::bigint) FROM ONLY {name} t")
    return tuple(None if value is None else int(value) for value in cursor.fetchone())


def describe_database(server, database, with_oid=False):
    """Everything about a database that a restore has to bring back, as a dictionary."""
    connection = server.connect(database)
    try:
        with connection.cursor() as cursor:
            # Independent of the settings of the database, which are compared as such.
            cursor.execute("SET extra_float_digits = 3; SET timezone = 'UTC';"
                           " SET bytea_output = 'hex'; SET search_path = public")
            cursor.execute(TABLES)
            tables = cursor.fetchall()
            described = {f"table {name}": table_checksum(cursor, name, kind, populated)
                         for _, name, kind, populated in tables}
            cursor.execute(LARGE_OBJECTS)
            described["large objects"] = [row for row, in cursor.fetchall()]
            cursor.execute(FACTS)
            for column, value in zip(cursor.description, cursor.fetchone()):
                described[f"database {column.name}"] = value
            if with_oid:
                cursor.execute("SELECT oid::text FROM pg_database WHERE datname = %s", [database])
                described["database oid"] = cursor.fetchone()[0]
    finally:
        connection.close()
    described["schema"] = schema_text(server, database)
    return described


# trees

def holes(path, status):
    """Whether the file is stored with holes, to which a restore has to stick."""
    return status.st_size > 1 << 16 and status.st_blocks * 512 < status.st_size // 2


def content(path):
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def describe_entry(path, status):
    kind = stat.S_IFMT(status.st_mode)
    described = {"type": kind, "mode": oct(stat.S_IMODE(status.st_mode)), "uid": status.st_uid,
                 "gid": status.st_gid, "mtime": status.st_mtime_ns}
    if kind == stat.S_IFLNK:
        described["target"] = os.readlink(path)
    else:
        described["attributes"] = {name: os.getxattr(path, name, follow_symlinks=False)
                                   for name in sorted(os.listxattr(path, follow_symlinks=False))}
    if kind == stat.S_IFREG:
        described |= {"size": status.st_size, "content": content(path),
                      "sparse": holes(path, status)}
    if kind in (stat.S_IFCHR, stat.S_IFBLK):
        described["device"] = status.st_rdev
    return described


def describe_tree(root, sockets=False, omit=()):
    """Every entry below root by its path, root as b"."; omit names paths that are left out with
    what is below them. Sockets are not counted unless asked for: no backup holds them."""
    root = os.fsencode(root)
    omitted = {os.fsencode(path) for path in omit}
    described, links = {}, {}

    def visit(path, relative):
        status = os.lstat(path)
        if stat.S_ISSOCK(status.st_mode) and not sockets:
            return
        described[relative] = describe_entry(path, status)
        if status.st_nlink > 1 and not stat.S_ISDIR(status.st_mode):
            links.setdefault((status.st_dev, status.st_ino), []).append(relative)
        if stat.S_ISDIR(status.st_mode):
            for name in sorted(os.listdir(path)):
                inner = name if relative == b"." else relative + b"/" + name
                if inner not in omitted:
                    visit(path + b"/" + name, inner)

    visit(root, b".")
    for group in links.values():
        for relative in group:
            described[relative]["links"] = sorted(group)
    return described


# differences

def lines_that_differ(before, after):
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=0)
    told = [line for line in lines if not line.startswith(("---", "+++", "@@"))]
    return "; ".join(told[:20])


def database_differences(before, after):
    found = []
    for name in sorted(before.keys() | after.keys()):
        if name not in after:
            found.append(f"{name} is missing")
        elif name not in before:
            found.append(f"{name} is new")
        elif before[name] != after[name]:
            told = (lines_that_differ(before[name], after[name]) if name == "schema"
                    else f"was {before[name]!r}, is {after[name]!r}")
            found.append(f"{name}: {told}")
    return found


def tree_differences(before, after, ignore=()):
    """ignore names facts ("mtime", "sparse", …) that are not compared."""
    found = []
    for path in sorted(before.keys() | after.keys()):
        if path not in after:
            found.append(f"{path!r} is missing")
        elif path not in before:
            found.append(f"{path!r} is new")
        else:
            for fact in sorted((before[path].keys() | after[path].keys()) - set(ignore)):
                old, new = before[path].get(fact), after[path].get(fact)
                # Holes may be added, where there are zeros, but not lost.
                if old != new and not (fact == "sparse" and new):
                    found.append(f"{path!r}: {fact} was {old!r}, is {new!r}")
    return found
