-- Run by MySQL at the first start of the master: the user for replication, and a table to try.
CREATE USER 'slave'@'%' IDENTIFIED BY '123456';
GRANT REPLICATION SLAVE, REPLICATION CLIENT, RELOAD ON *.* TO 'slave'@'%';
CREATE DATABASE IF NOT EXISTS test;
GRANT SELECT ON test.* TO 'slave'@'%';
CREATE TABLE test.t1 (id INT PRIMARY KEY, name VARCHAR(20));
INSERT INTO test.t1 VALUES (1, 'hello');
