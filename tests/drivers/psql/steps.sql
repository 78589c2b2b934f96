-- One psql client; n is its number. What it prints is the transcript. TABLE is replaced by the
-- name of the client's table: \copy knows no variables.
\set t t :n
\set s s :n
\set channel channel :n
\pset null '(null)'
\encoding
show server_encoding;
show TimeZone;
show DateStyle;
select current_user, session_user, current_database(), current_schema();
drop table if exists :t;
create table :t (id int primary key, name text unique, n numeric, at timestamptz, b bytea);
\d :t
insert into :t values (1, 'one', 1.50, '2024-02-29 12:00+00', '\x0001ff'),
  (2, 'O''Reilly', null, null, null);
select * from :t order by id;
\x on
select * from :t order by id;
\x off

\echo == errors
insert into :t values (1, 'again');
\echo :ERROR :SQLSTATE :LAST_ERROR_SQLSTATE
insert into :t values (3, 'one');
\echo :SQLSTATE
selec 1;
\echo :SQLSTATE :LAST_ERROR_MESSAGE
select 1/0;
\echo :SQLSTATE
select * from not_there;
\echo :SQLSTATE
select 'lives', :ROW_COUNT;

\echo == several statements in one message
select 1 \; select 2 \; select 3;
insert into :t values (5, 'undone') \; select 1/0 \; insert into :t values (6, 'unreached');
begin \; insert into :t values (7, 'kept') \; commit \; select count(*) from :t;
set TimeZone = 'Asia/Tokyo' \; show TimeZone;
show TimeZone;
set TimeZone = 'Asia/Seoul' \; select 1/0;
show TimeZone;
reset TimeZone;

\echo == transactions
begin;
insert into :t values (10, 'gone');
savepoint a;
select broken;
select 'refused';
rollback to a;
insert into :t values (11, 'gone too');
rollback;
begin isolation level repeatable read read only;
show transaction_isolation;
insert into :t values (12, 'read only');
commit;
\set AUTOCOMMIT off
insert into :t values (13, 'implicit');
rollback;
\set ON_ERROR_ROLLBACK on
insert into :t values (14, 'fourteen');
select broken;
insert into :t values (15, 'fifteen');
commit;
\set ON_ERROR_ROLLBACK off
\set AUTOCOMMIT on
select id, name from :t order by id;

\echo == settings
set statement_timeout = '31s';
set search_path = :s, public;
set application_name = 'O''Reilly';
set datestyle = 'sql, dmy';
select set_config('app.owner', 'client ' || :n, false);
show statement_timeout;
show search_path;
show application_name;
show datestyle;
show app.owner;
select '2024-02-29 12:00+00'::timestamptz;
begin;
set local work_mem = '3MB';
set statement_timeout = '32s';
show work_mem;
rollback;
show work_mem;
show statement_timeout;
begin;
set TimeZone = 'America/Lima';
savepoint a;
set TimeZone = 'Africa/Cairo';
rollback to a;
show TimeZone;
commit;
show TimeZone;
set role app_reader;
select current_user, session_user;
reset role;
set session authorization default;
set session characteristics as transaction isolation level serializable;
show transaction_isolation;
discard all;
show transaction_isolation;
show TimeZone;
show application_name;
show statement_timeout;
set client_encoding = 'LATIN1';
\encoding
select 'plain', length('abc');
\encoding UTF8
select 'ü', length('ü');
set no_such_setting = 1;
reset no_such_setting;
show no_such_setting;

\echo == copy
\copy TABLE (id, name) from pstdin
100	hundred
101	hundred one
\.
copy :t (id, name) from stdin with (format csv);
102,by csv
103,"with ""quotes"""
\.
copy :t (id, name) from stdin;
104	fine
104	twice
\.
copy :t (id, name) from stdin;
no number	x
\.
copy (select id, name from :t where id >= 100 order by id) to stdout with (format csv, header);
\copy (select count(*) from TABLE) to pstdout
copy not_there to stdout;

\echo == the unnamed statement
select 1 as a, 'x'::text as b, null::numeric(10,2) as c \gdesc
select id, name from :t where id = 1 \gdesc
select broken \gdesc
select count(*) as counted from :t \gset
\echo :counted
select format('select %s as generated', i) from generate_series(1, 3) i \gexec
\if :{?SERVER_VERSION_NUM}
select :SERVER_VERSION_NUM >= 130000 as new \gset
\endif
\echo :new
-- Taken out by script.py where psql is older than 16.
select $1::int + $2::int as sum \bind 1 2 \g
select $1::int \bind none \g

\echo == SQL PREPARE
prepare mine as select $1::int * 2 as doubled;
execute mine(21);
prepare mine as select 1;
execute mine(1, 2);
deallocate mine;
execute mine(21);
prepare one as select 1;
prepare two (text) as select upper($1);
execute two('up');
deallocate all;
execute one;

\echo == fetched by a cursor
\set FETCH_COUNT 100
select i, repeat('x', 10) from generate_series(1, 250) i;
\set FETCH_COUNT 0
begin;
declare c scroll cursor for select * from generate_series(1, 100);
fetch 3 from c;
move 50 in c;
fetch backward 2 from c;
close c;
commit;

\echo == state that holds a server
select pg_advisory_lock(:n);
select objid::int from pg_locks where locktype = 'advisory' and pid = pg_backend_pid();
select pg_advisory_unlock(:n);
create temp table held (id int);
insert into held values (1), (2);
select count(*) from held;
drop table held;
declare h cursor with hold for select * from generate_series(1, 10);
fetch 2 from h;
fetch 2 from h;
close h;
fetch 2 from h;
listen :channel;
select pg_notify(:'channel', 'hello');
notify :channel, 'again';
select 1;
unlisten *;
notify :channel, 'unheard';

\echo == notices, functions, limits
do $$ begin raise notice 'from a block'; end $$;
drop table if exists not_there;
set client_min_messages = error;
drop table if exists not_there;
reset client_min_messages;
set statement_timeout = 100;
select pg_sleep(60);
\echo :SQLSTATE
reset statement_timeout;
select pg_sleep(0.2);
\c
show statement_timeout;
select count(*) from :t;
drop table :t;
