// Entry: defines the three components that the page places.

import "./explore.js";
import "./annotate.js";
import "./data.js";
