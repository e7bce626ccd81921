-- What dbt's sources are: JPL's answers as they came, and tables of a user's own, each value as text.

create schema if not exists p04_orbit_raw;

create table if not exists p04_orbit_raw.files (
    file_id           bigint not null, -- in the order of arrival
    file_name         text not null,
    sha256            text not null,
    kind              text not null,   -- small_bodies, close_approaches
    source            text not null,   -- who answered, of a table of a user's own the file name of the mapping
    signature_version text not null,   -- of the answer, or map:… and the hash of the mapping
    rows_read         bigint not null,
    load_id           bigint not null,
    loaded_at         timestamptz not null
);

create table if not exists p04_orbit_raw.small_bodies (
    file_id       bigint not null,
    line          bigint not null,
    byte_offset   bigint not null,
    record_text   text not null,
    landing_error text, -- not_a_row, ragged_row, bad_character, of a user's own the reader's rule, or form:column
    full_name     text,
    spkid         text,
    pdes          text,
    neo           text,
    pha           text,
    h             text,
    g             text,
    m1            text,
    m2            text,
    diameter      text,
    extent        text,
    albedo        text,
    rot_per       text,
    orbit_id      text,
    epoch_mjd     text,
    e             text,
    a             text,
    q             text,
    i             text,
    om            text,
    w             text,
    ma            text,
    tp            text,
    per_y         text,
    moid          text,
    class         text
);

create table if not exists p04_orbit_raw.close_approaches (
    file_id       bigint not null,
    line          bigint not null,
    byte_offset   bigint not null,
    record_text   text not null,
    landing_error text,
    des           text,
    fullname      text,
    orbit_id      text,
    jd            text,
    dist          text,
    dist_min      text,
    dist_max      text,
    v_rel         text,
    v_inf         text,
    t_sigma_f     text,
    h             text
);
