"""Things shown on a page as files that stand alone: pictures for screen and paper, tables, arrays, animations."""
