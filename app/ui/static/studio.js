// Entry: defines the components that the page places.

import "./account.js";
import "./explore.js";
import "./annotate.js";
import "./review.js";
import "./data.js";
import "./train.js";
import "./models.js";
import "./results.js";
import "./manage.js";
