-- Where a lane's time went.

ALTER TABLE lane ADD COLUMN stages_json; -- LaneStages; NULL: not measured
