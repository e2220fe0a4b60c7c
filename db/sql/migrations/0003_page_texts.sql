-- migrate:up

-- Texts that editors or publishers wrote for one section of one page. A new wording is a new
-- version; on a day the latest one written by then is shown.
CREATE TABLE page_text (
    code_id integer NOT NULL REFERENCES code,
    section text NOT NULL,
    version smallint NOT NULL,
    written_on date NOT NULL,
    markdown text NOT NULL,
    copyright text,
    PRIMARY KEY (code_id, section, version)
);

-- migrate:down
